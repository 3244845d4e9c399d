package server

import (
	"crypto/rand"
	"time"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// recover reads the data directory, on shard 0's thread.
func (s *Server) recover() (rec *storage.Recovered, machine *metadata.Machine, err error) {
	cfg := storage.RecoverConfig{Dir: s.cfg.DataDir, Shards: len(s.cfg.CPUs), JournalBytes: s.journalFileBytes(), JournalFixed: s.cfg.JournalBytes != 0, Free: s.freeBytes,
		Now: uint64(time.Now().UnixMicro()), Metadata: s.replay, Report: func(event string, id storage.LogID, err error) {
			s.log.Warn(event, shard.StorageFields(s.replayed, id, err)...)
		}, RetryPanics: s.cfg.RetryFenced,
		AcceptLoss: s.cfg.AcceptLoss, Copies: uring.MayCopyOnWrite(s.cfg.DataDir)}
	if uring.CopiesOnWrite(s.cfg.DataDir) {
		cfg.GiveBack = func() error { return uring.Commit(s.dir.fd) }
	}
	if s.short != nil {
		s.short.settle(&cfg)
		s.info.JournalWay = "in memory"
	}
	if _, err := rand.Read(cfg.Secret[:]); err != nil {
		return nil, nil, err
	}
	if cfg.BootID, cfg.MountID, err = s.dir.bootAndMount(s.log); err != nil {
		return nil, nil, err
	}
	first := s.threads[0]
	err = first.do(func() error {
		// Nothing else has memory yet, and nothing else will ask for any: recovery has the whole budget. Beside it lie only files that
		// are read whole and that storage bounds one by one.
		total := s.budget.Total()
		pool := uring.NewPool(uring.NewBudget(total).Line("recovery", total))
		defer pool.Close()
		files := uring.NewPool(uring.NewBudget(recoveryFilesMax).Line("files of the recovery", recoveryFilesMax))
		defer files.Close()
		cfg.Memory, cfg.FileMemory, cfg.KeepBytes, cfg.Working = pool, files, total/recoveryKeep, &first.recovering
		if s.short == nil { // else its journals are in memory
			cfg.ChooseWay = func(journals [][2]storage.JournalFile, last storage.KeptWay) (storage.KeptWay, error) {
				return s.chooseJournalWay(first.io, journals, last, pool)
			}
		}
		rec, err = storage.Recover(blockingDisk{first.io}, s.dir.fd, cfg)
		s.dir.recovered, s.replayed = rec, nil
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if machine, err = owner.Restore(rec.Meta.Snapshot); err != nil {
		return nil, nil, err
	}
	if s.short != nil {
		s.short.keepLate(s, rec)
	}
	s.group.Sessions(machine.SessionsReserved())
	return rec, machine, nil
}

// replay applies journaled commands to a snapshot of the metadata, and says which logs live.
func (s *Server) replay(snapshot []byte, commands []storage.MetaCommand) (st storage.MetaState, err error) {
	m, st, err := owner.Replay(snapshot, commands, s.cfg.Replicated)
	if err == nil {
		s.replayed = m
	}
	return st, err
}

const (
	recoveryFilesMax = 1 << 40
	recoveryKeep     = 4 // part of the budget in which the journals' groups are kept from the first look on: those of journals sized by it fit
)

const (
	journalBytesMin = 4 << 20
	journalBytesMax = 256 << 20
	journalShare    = 16 // part of the filesystem
)

// journalFileBytes is the size of one of the two journal files of a shard.
func (s *Server) journalFileBytes() int64 {
	n := s.cfg.JournalBytes
	if n == 0 {
		total, _, err := uring.StatFS(s.cfg.DataDir)
		if err != nil {
			total = 0
		}
		shards := int64(len(s.cfg.CPUs))
		n = min(journalBytesMax, max(journalBytesMin, min(total/journalShare/shards, s.budget.Total()/journalMemory/shards)))
	}
	return n / 2 &^ (storage.BlockSize - 1)
}

func (s *Server) freeBytes() (int64, error) {
	_, free, err := uring.StatFS(s.cfg.DataDir)
	return free, err
}
