package shard

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Run is the endless loop, on the shard's own thread. It returns when the shard has ended.
func (s *Shard) Run() {
	for !s.stopped {
		s.Turn(true)
	}
}

// Serves reports whether the shard has what its loop needs.
func (s *Shard) Serves() bool { return s.logs != nil }

// Finished reports whether the shard has ended in order, with its journal finished.
func (s *Shard) Finished() bool { return s.finishing && s.logs.Store().Failed() == nil }

// EndedAt is where the journal of a shard that has finished ends.
func (s *Shard) EndedAt() (storage.EndMark, bool) { return s.logs.Store().EndedAt() }

// Working is the log that the shard is working on, for who catches a panic; 0: none.
func (s *Shard) Working() storage.LogID {
	if s.logs == nil {
		return 0
	}
	return s.logs.Store().Working()
}

// CloseInbox has nothing posted any more: the IO that would be woken is going to be closed.
func (s *Shard) CloseInbox() { s.inbox.Close() }

// Sockets are the descriptors that the shard has open when it ended without waiting for its connections. Nothing is in flight any
// more, and the caller closes them.
func (s *Shard) Sockets() (fds []int32) {
	switch {
	case s.front != nil:
		return s.front.Sockets()
	case s.listener > 0: // it never had an IO
		return []int32{s.listener}
	}
	return nil
}

// ClosePools gives the shard's memory back. The kernel must not use any of it.
func (s *Shard) ClosePools() {
	for _, p := range s.pools {
		p.Close()
	}
}

// Listen gives shard 0 the listening socket, which is in its Sockets from now on.
func (s *Shard) Listen(fd int32) { s.listener = fd }

// Halt ends the shard without an orderly end. It does not wait.
func (s *Shard) Halt() { s.Post(func(s *Shard) { s.stopped = true }) }

// Stop begins the orderly end of the group.
func (g *Group) Stop() {
	for _, s := range g.shards {
		s.Post(func(s *Shard) { s.stop() })
	}
}

// stopSendsMax is how long an orderly end waits for clients to read their replies.
const stopSendsMax = 5 * time.Second

// finishMax is kept of shutdown_timeout for the journal, when all that is busy was given up.
const finishMax = 5 * time.Second

// ending is how far the end of a shard has come.
//
//	stopping -> drained: no connection is left, or what is busy was given up -> finishing: all are drained, the journal ends -> stopped
type ending struct {
	stopping  bool
	stopSends int64 // when replies that are still on their way are given up
	giveUp    int64 // when everything is that is still busy
	gaveUp    bool
	drained   bool
	finishing bool
	stopped   bool
}

// stop begins the end of the shard.
func (s *Shard) stop() {
	if s.stopping {
		return
	}
	s.conns.stopped = true
	s.stopping, s.stopSends = true, s.mono+int64(stopSendsMax)
	s.giveUp = s.mono + int64(s.cfg.ShutdownTimeout-min(finishMax, s.cfg.ShutdownTimeout/4))
	if s.coordinator != nil {
		s.conns.stopAccepting()
	}
	s.logs.StopParking()
	s.front.Stop()
}

// giveUpBusy ends the patience of an orderly end with what is busy: polls that get no memory, requests that another shard does not
// answer, passwords that are being hashed, archives. None of it was acknowledged, so the journal can be finished without it.
func (s *Shard) giveUpBusy() {
	s.logs.Store().Abandon()
	if s.gaveUp || s.drained {
		return
	}
	s.gaveUp = true
	s.logs.Refuse()
	s.log.Warn("the orderly end waits no longer for what is busy", zap.String("event", "shutdown_gave_up"), zap.Int("connections", s.front.Count()),
		zap.Duration("shutdown_timeout", s.cfg.ShutdownTimeout))
}

// tryStop goes through the end of a shard: its connections close; when those of all shards are closed nobody needs its
// logs any more, and the journal is finished.
func (s *Shard) tryStop() {
	if s.mono >= s.giveUp {
		s.giveUpBusy()
	}
	if !s.drained && (s.gaveUp || s.front.Count() == 0 && s.logs.Files.Gone() == 0 && (s.coordinator == nil || !s.coordinator.room.Busy() && s.front.Door.Closed())) {
		s.drained = true
		if int(s.g.drained.Add(1)) == len(s.g.shards) {
			for _, o := range s.g.shards {
				o.io.Wake()
			}
		}
	}
	if int(s.g.drained.Load()) < len(s.g.shards) || s.logs.Store().Waiting() && !s.gaveUp {
		return
	}
	if !s.finishing {
		s.finishing = s.logs.Finish()
		return
	}
	if plantedPanicAtEnd && int(s.id) == len(s.g.shards)-1 {
		panic("planted: a panic after the journal was finished")
	}
	s.stopped = s.logs.Store().Idle()
}

// Retired reports, on the shard's own thread, whether the log of that id is retired: its files may go.
func (s *Shard) Retired(id storage.LogID) bool {
	return s.meta != nil && s.meta.LogIDs.IsRetired(metadata.LogID(id))
}
