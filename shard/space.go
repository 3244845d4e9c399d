package shard

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// space is what the shards of a broker know of a disk that has no room for a journal. While a journal is refused, all shards take reads and
// what frees space only. Half of the reserve is given up for what is in flight, the other half when something that frees space still finds a
// journal refused: others that fill the disk may have had the first. When no journal is refused any more, and the reserve is whole again,
// all go on.
type space struct {
	refused atomic.Int32 // shards whose journal is refused
	short   atomic.Bool
	wanted  atomic.Bool // something that frees space waits for the reserve
	cause   atomic.Pointer[error]
	news    chan struct{} // of wanted or refused; holds one

	given   int       // halves of the reserve that were given up; the rest is the goroutine's as well
	said    time.Time // when the log was told last
	saidNow bool      // and not that it is over
}

const (
	spacePause    = time.Second      // between two looks for room
	spaceWatch    = 10 * time.Second // between two looks whether the reserve is still one
	spaceSayPause = time.Minute      // between two lines that there is none
)

// noteRefused tells the broker that the journal of this shard is refused, or no more, and that it wants the reserve. It runs in each turn
// while that is so.
func (s *Shard) noteRefused(err error) {
	p, was := &s.b.space, s.refused
	if s.refused = err != nil; !s.refused {
		p.refused.Add(-1)
		return
	}
	wants := s.store.WantsReserve()
	if was && (!wants || p.wanted.Load()) {
		return
	}
	if !was {
		p.refused.Add(1)
		p.cause.Store(&err)
		p.short.Store(true)
	}
	if wants {
		p.wanted.Store(true)
	}
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// keepSpace looks after the reserve while a journal is refused, until the broker ends. It is a goroutine of its own, with plain system calls: a
// disk that is full is slow.
func (b *Broker) keepSpace(reserve storage.Reserve) {
	p := &b.space
	for {
		select {
		case <-b.done:
			return
		case <-time.After(spaceWatch):
			b.takeBack(&reserve)
		case <-p.news:
		}
		if p.short.Load() {
			b.sayShort()
		}
		for p.short.Load() {
			b.lookForRoom(&reserve)
			select {
			case <-b.done:
				return
			case <-p.news:
			case <-time.After(spacePause):
			}
		}
		if p.saidNow && !p.short.Load() {
			p.saidNow = false
			b.log.Info("there is room to write the journal and segments: everything is served again", zap.String("event", "journal_has_room"))
		}
	}
}

// lookForRoom gives some of the reserve up where it is needed, or makes it whole again and ends the time without room when nobody needs it
// any more.
func (b *Broker) lookForRoom(reserve *storage.Reserve) {
	p := &b.space
	refused := p.refused.Load() > 0
	switch {
	case refused && p.given == 0:
		p.given = 1
		b.reserveFailed(reserve.Halve(plainDisk{}))
		return
	case refused && p.given == 1 && p.wanted.Load():
		p.given = 2
		b.reserveFailed(reserve.Free(plainDisk{}))
		return
	case refused || p.given > 0 && !b.madeAgain(reserve):
		return
	}
	p.given = 0
	p.wanted.Store(false)
	p.short.Store(false)
	if p.refused.Load() > 0 { // meanwhile
		p.short.Store(true)
	}
}

// takeBack makes the reserve again when a snapshot has its blocks: they would not be free when it is given up.
func (b *Broker) takeBack(reserve *storage.Reserve) {
	if shared, err := uring.Shared(reserve.Path()); err != nil || !shared {
		return // not there, or the filesystem does not say
	}
	err := reserve.Free(plainDisk{})
	if err == nil {
		_, err = reserve.Make(plainDisk{}, heapMemory{})
	}
	b.reserveFailed(err)
}

func (b *Broker) sayShort() {
	p := &b.space
	if time.Since(p.said) < spaceSayPause {
		return
	}
	p.said, p.saidNow = time.Now(), true
	b.log.Error("no room to write the journal or a segment, whose blocks are copied when they are overwritten: reads and deletions are served, nothing else until there is room; delete or purge topics, delete segments or snapshots of the filesystem, or give it more space",
		zap.String("event", "journal_without_room"), zap.String("data_dir", b.cfg.DataDir), zap.Error(*p.cause.Load()))
}

// madeAgain reports whether the reserve is there in full, with room beside it. What there is of it otherwise is given back: a deletion may need
// it.
func (b *Broker) madeAgain(reserve *storage.Reserve) bool {
	whole, err := reserve.Make(plainDisk{}, heapMemory{})
	b.reserveFailed(err)
	if !whole && err == nil {
		b.reserveFailed(reserve.Free(plainDisk{}))
	}
	return whole || err != nil // else it is not worth that nothing is served
}

func (b *Broker) reserveFailed(err error) {
	if err != nil {
		b.log.Warn("the space that is kept for a full disk cannot be given back, or taken again", zap.String("event", "reserve_failed"), zap.Error(err))
	}
}
