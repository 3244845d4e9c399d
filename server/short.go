package server

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// ErrRoom ends a server that had no room to start in order when there is room. StartAgain starts the one that follows.
var ErrRoom = errors.New("there is room to start in order")

// short is the state of a server whose disk has no room for what a start must write, and no reserve of space that could be given up for
// it: others have used that up, or a snapshot of the filesystem has its blocks. What the recovery and the run change lies in memory, over a
// directory that stays as it is. The shards are short of space all the time: they take reads and what frees space. Two things reach
// the disk: the commands that delete, in a file that every start makes ahead (storage.LateLog), and then the removal of the
// files of retired logs. The next start finds the directory of before, replays those commands behind the journals', and is none the wiser.
//
// When there is room the server ends, and is to be started again.
type short struct {
	cfg    Config // as the start was given it
	need   int64  // bytes that the filesystem must have free for a start in order
	memory int64  // for what can't be written
	files  *overlay

	late  *storage.LateLog // of shard 0's thread; nil: deletions are refused
	why   error            // then
	ofRun [][]byte         // commands before the next one that are not in late yet
}

const (
	shortMemory    = 4        // part of the memory for messages that what can't be written may take
	shortMemoryMin = 16 << 20 // and at least so much
)

// startWith starts in order, or without room. A start for which that many bytes were not enough is not tried again before there is more.
func startWith(cfg Config, tried int64) (*Server, error) {
	s, err := startServer(cfg, false, nil)
	var no *storage.NoRoomError
	if !errors.As(err, &no) || !no.Data {
		return s, err
	}
	need := tried + no.Bytes
	cfg.Log.Error(fmt.Sprintf("no room for what a start must write: reads and deletions are served, nothing else until %d MiB are free; delete or purge topics, delete snapshots of the filesystem, or give it more space", need>>20),
		zap.String("event", "started_without_room"), zap.String("data_dir", cfg.DataDir), zap.Int64("needed_bytes", need), zap.Error(err))
	h := &short{cfg: cfg, need: need, memory: max(cfg.MemoryBudget/shortMemory, shortMemoryMin)}
	if cfg.MemoryBudget != 0 {
		cfg.MemoryBudget = max(cfg.MemoryBudget-h.memory, leastMemory(cfg.CPUs))
	}
	s, e := startServer(cfg, false, h)
	if e != nil {
		return nil, errors.Join(err, e)
	}
	s.info.Short = true
	return s, nil
}

// StartAgain starts the server that follows one that ended by ErrRoom, on the same directory.
func (s *Server) StartAgain() (*Server, error) {
	cfg := s.short.cfg
	cfg.Address = s.info.Address // the same port, if any was asked for
	return startWith(cfg, s.short.need)
}

// overlay puts the directory under files in memory.
func (h *short) overlay(s *Server) error {
	h.files = newOverlay(h.memory, func(op *uring.Op) uring.Completion { return uring.DoFile(op) })
	return h.files.lend(s.dir.fd, s.cfg.DataDir+"/"+storage.SuperblockName)
}

// settle has the recovery ask for no more than memory has room for.
func (h *short) settle(cfg *storage.RecoverConfig) {
	cfg.JournalBytes, cfg.JournalFixed = journalBytesMin/2, true
	cfg.Free, cfg.GiveBack, cfg.Copies = nil, nil, false
}

// keepLate has the run's metadata commands stable, as its journals are not.
func (h *short) keepLate(s *Server, rec *storage.Recovered) {
	h.late, h.why = rec.OpenLate(plainDisk{}, heapMemory{}, rec.Meta.Index)
	if h.why != nil {
		rec.Retired = nil // a deletion that was read from there may not be stable: its files stay
		s.log.Error("deletions are refused: what is deleted could not be noted", zap.String("event", "deletions_refused"), zap.Error(h.why))
	}
	rec.Late = h.note
}

// note makes commands stable, the first of that index. Those of the run alone wait for the first one of a client: without it this run may
// as well not have been.
func (h *short) note(index uint64, commands [][]byte) error {
	of := true
	for _, c := range commands {
		of = of && metadata.OfRun(c)
	}
	if of && len(h.ofRun) < shortOfRunMax {
		for _, c := range commands {
			h.ofRun = append(h.ofRun, append([]byte(nil), c...))
		}
		return nil
	}
	if h.late == nil {
		return h.why
	}
	if err := h.late.Append(index-uint64(len(h.ofRun)), append(h.ofRun, commands...)...); err != nil {
		return err
	}
	h.ofRun = nil
	return nil
}

const shortOfRunMax = 100 // a small part of the file

// watch ends the server when there is room, on a goroutine of its own.
func (h *short) watch(s *Server) {
	for {
		select {
		case <-s.done:
			return
		case <-time.After(spacePause):
		}
		if uring.CopiesOnWrite(s.cfg.DataDir) {
			_ = uring.Commit(s.dir.fd) // what was removed is free then
		}
		free, err := s.freeBytes()
		if err != nil || free < h.need {
			continue
		}
		if s.failure.CompareAndSwap(nil, &ErrRoom) {
			s.log.Info("there is room: the server starts in order", zap.String("event", "room_to_start"), zap.Int64("free_bytes", free))
		}
		s.group.Stop()
		return
	}
}
