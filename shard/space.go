package shard

import "sync/atomic"

// Space is what the shards of a server know of a disk that has no room for a journal. While a journal is refused, all shards take reads and
// what frees space only. The server looks after the rest.
type Space struct {
	Refused atomic.Int32 // shards whose journal is refused
	Short   atomic.Bool
	Wanted  atomic.Bool // something that frees space waits for the reserve
	Cause   atomic.Pointer[error]
	News    chan struct{} // of Wanted or Refused; holds one
}

// noteRefused tells the server that the journal of this shard is refused, or no more, and that it wants the reserve. It runs in each turn
// while that is so.
func (s *Shard) noteRefused(err error) {
	p, was := s.g.space, s.refused
	if s.refused = err != nil; !s.refused {
		p.Refused.Add(-1)
		return
	}
	wants := s.logs.Store().Space().WantsReserve()
	if was && (!wants || p.Wanted.Load()) {
		return
	}
	if !was {
		p.Refused.Add(1)
		p.Cause.Store(&err)
		p.Short.Store(true)
	}
	if wants {
		p.Wanted.Store(true)
	}
	select {
	case p.News <- struct{}{}:
	default:
	}
}
