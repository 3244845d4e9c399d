package shard

import (
	"sync/atomic"

	"github.com/galgo-mq/galgo/storage"
)

// Space is what the shards of a server know of a disk that has no room for a journal. While a journal is refused, all shards take reads and
// what frees space only. The server looks after the rest.
type Space struct {
	Refused atomic.Int32 // shards whose journal is refused
	Short   atomic.Bool
	Wanted  atomic.Bool // something that frees space waits for the reserve
	Cause   atomic.Pointer[error]
	Notify  func() // tells the server of Wanted or Refused; it does not wait
}

// refused is whether the journal of a shard is refused, as the server knows.
type refused struct {
	all *Space
	yes bool
}

// note tells the server that the journal of this shard is refused, or no more, and that it wants the reserve. It runs in each turn.
func (x *refused) note(own *storage.Space) {
	err, p, was := own.Refused(), x.all, x.yes
	if err == nil && !was {
		return
	}
	if x.yes = err != nil; !x.yes {
		p.Refused.Add(-1)
		return
	}
	wants := own.WantsReserve()
	if was && (!wants || p.Wanted.Load()) {
		return
	}
	if !was {
		p.Refused.Add(1)
		cause := err // not on the heap in each turn
		p.Cause.Store(&cause)
		p.Short.Store(true)
	}
	if wants {
		p.Wanted.Store(true)
	}
	p.Notify()
}
