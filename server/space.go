package server

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// space is what the server does about a disk that has no room for a journal. Half of the reserve is given up for what is in flight, the
// other half when something that frees space still finds a journal refused: others that fill the disk may have had the first. When no
// journal is refused any more, and the reserve is whole again, all go on.
type space struct {
	shard.Space
	news    chan struct{} // that a shard has notified the server; holds one
	given   int           // halves of the reserve that were given up
	said    time.Time     // when the log was told last
	saidNow bool          // and not that it is over
}

const (
	spacePause    = time.Second      // between two looks for room
	spaceWatch    = 10 * time.Second // between two looks whether the reserve is still one
	spaceSayPause = time.Minute      // between two lines that there is none
)

// notify has keepSpace look at once.
func (p *space) notify() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// keepSpace looks after the reserve while a journal is refused, until the broker ends. It is a goroutine of its own, with plain system calls: a
// disk that is full is slow.
func (s *Server) keepSpace(reserve storage.Reserve) {
	p := &s.space
	var watch <-chan time.Time // never where nothing shares blocks
	if uring.MayCopyOnWrite(s.cfg.DataDir) {
		t := time.NewTicker(spaceWatch)
		defer t.Stop()
		watch = t.C
	}
	for {
		select {
		case <-s.done:
			return
		case <-p.news:
		case <-watch:
			s.takeBack(&reserve)
		}
		if p.Short.Load() {
			s.sayShort()
		}
		for p.Short.Load() {
			s.lookForRoom(&reserve)
			select {
			case <-s.done:
				return
			case <-p.news:
			case <-time.After(spacePause):
			}
		}
		if p.saidNow && !p.Short.Load() {
			p.saidNow = false
			s.log.Info("there is room to write the journal and segments: everything is served again", zap.String("event", "journal_has_room"))
		}
	}
}

// lookForRoom gives some of the reserve up where it is needed, or makes it whole again and ends the time without room when nobody needs it
// any more.
func (s *Server) lookForRoom(reserve *storage.Reserve) {
	p := &s.space
	refused := p.Refused.Load() > 0
	switch {
	case refused && p.given == 0:
		p.given = 1
		s.reserveFailed(reserve.Halve(plainDisk{}))
		return
	case refused && p.given == 1 && p.Wanted.Load():
		p.given = 2
		s.reserveFailed(reserve.Free(plainDisk{}))
		return
	case refused || p.given > 0 && !s.madeAgain(reserve):
		return
	}
	p.given = 0
	p.Wanted.Store(false)
	p.Short.Store(false)
	if p.Refused.Load() > 0 { // meanwhile
		p.Short.Store(true)
	}
}

// takeBack makes the reserve again when a snapshot has its blocks: they would not be free when it is given up.
func (s *Server) takeBack(reserve *storage.Reserve) {
	if shared, err := uring.Shared(reserve.Path()); err != nil || !shared {
		return // not there, or the filesystem does not say
	}
	err := reserve.Free(plainDisk{})
	if err == nil {
		_, err = reserve.Make(plainDisk{}, heapMemory{})
	}
	s.reserveFailed(err)
}

func (s *Server) sayShort() {
	p := &s.space
	if time.Since(p.said) < spaceSayPause {
		return
	}
	p.said, p.saidNow = time.Now(), true
	s.log.Error("no room to write the journal or a segment, whose blocks are copied when they are overwritten: reads and deletions are served, nothing else until there is room; delete or purge topics, delete segments or snapshots of the filesystem, or give it more space",
		zap.String("event", "journal_without_room"), zap.String("data_dir", s.cfg.DataDir), zap.Error(*p.Cause.Load()))
}

// madeAgain reports whether the reserve is there in full, with room beside it. What there is of it otherwise is for a deletion that finds no
// room: nobody else is to have it before.
func (s *Server) madeAgain(reserve *storage.Reserve) bool {
	whole, err := reserve.Make(plainDisk{}, heapMemory{})
	s.reserveFailed(err)
	if !whole && err == nil {
		s.space.given = 1
		s.space.Wanted.Store(false) // whoever wants it then says so again
	}
	return whole || err != nil // else it is not worth that nothing is served
}

func (s *Server) reserveFailed(err error) {
	if err != nil {
		s.log.Warn("the space that is kept for a full disk cannot be given back, or taken again", zap.String("event", "reserve_failed"), zap.Error(err))
	}
}
