package server

import (
	"crypto/rand"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/wire"
)

// host is what a server does for its shards.
type host struct{ s *Server }

// Now implements shard.Host.
func (host) Now() time.Time { return time.Now() }

// Since implements shard.Host.
func (host) Since(t time.Time) time.Duration { return time.Since(t) }

// Random implements shard.Host.
func (host) Random(p []byte) { _, _ = rand.Read(p) } // never fails

// Failed implements shard.Host.
func (h host) Failed(id router.ShardID, err error) {
	s := h.s
	err = fmt.Errorf("shard %d: journal failed, restart to recover: %w", id, err)
	if !s.failure.CompareAndSwap(nil, &err) {
		return
	}
	s.log.Error("journal failed: nothing more is acknowledged, the server ends", zap.String("event", "journal_failed"), zap.Error(err))
	if s.short == nil { // else nothing of this run is on disk
		if e := s.dir.distrust(); e != nil {
			s.log.Error("could not note that the page cache is not to be trusted", zap.String("event", "distrust_not_noted"), zap.Error(e))
		}
	}
	for _, sh := range s.group.Shards() {
		go sh.Halt()
	}
}

// Stats implements shard.Host: files of /proc take their time.
func (h host) Stats(w *wire.Stats, done func()) {
	go func() {
		h.s.stats.fill(w)
		done()
	}()
}

// Archive implements shard.Host: an archive looks at files and processes.
func (h host) Archive(g wire.GetSnapshotFile, done func(archive []byte, err error)) bool {
	s := h.s
	if s.cfg.Snapshot == nil || !s.archives.CompareAndSwap(false, true) {
		return false
	}
	go func() {
		archive, err := s.cfg.Snapshot(g)
		s.archives.Store(false)
		done(archive, err)
	}()
	return true
}
