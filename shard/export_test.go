package shard

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// MoveConnection moves the connection of that number to a shard, if it is idle, and reports whether it did.
func (g *Group) MoveConnection(id uint32, to int) bool {
	for _, s := range g.shards {
		moved := make(chan bool, 1)
		s.Post(func(s *Shard) { s.conns.move(id, router.ShardID(to), func(ok bool) { moved <- ok }) })
		if <-moved {
			return true
		}
	}
	return false
}

// MovePartition makes another shard the owner of a partition's log.
func (g *Group) MovePartition(stream, topic metadata.Ident, partition, to int) error {
	done := make(chan error, 1)
	g.shards[0].Post(func(s *Shard) {
		p, _, err := s.meta.Partition(stream, topic, metadata.PartitionID(partition))
		if err != nil {
			done <- err
			return
		}
		s.coordinator.proposeMove(p.Log, router.ShardID(to), func(err error) { done <- err })
	})
	return <-done
}

// Owner is the shard that owns a partition's log, as shard 0 knows it.
func (g *Group) Owner(stream, topic metadata.Ident, partition int) int {
	owner := make(chan int, 1)
	g.shards[0].Post(func(s *Shard) {
		p, _, _ := s.meta.Partition(stream, topic, metadata.PartitionID(partition))
		o, _ := s.owners.Owner(router.LogID(p.Log))
		owner <- int(o)
	})
	return <-owner
}

// Hold stops a shard's loop until the function it returns is called.
func (g *Group) Hold(shard int) (resume func()) {
	held, gate := make(chan struct{}), make(chan struct{})
	g.shards[shard].Post(func(*Shard) {
		close(held)
		<-gate
	})
	<-held
	return func() { close(gate) }
}

// Abandon has the owner of a partition's log be told that polls which wait there are given up: in another use of the request, and in this one. It
// returns whether the poll waits before, between and after that.
func (g *Group) Abandon(stream, topic metadata.Ident, partition int) (waits [3]bool) {
	told := make(chan [3]bool, 1)
	g.shards[g.Owner(stream, topic, partition)].Post(func(s *Shard) {
		p, _, _ := s.meta.Partition(stream, topic, metadata.PartitionID(partition))
		q := newRequest(s, func(*Shard, *request) {})
		q.Kind, q.Log, q.Strategy, q.Count, q.BytesMax = storage.ReqPoll, storage.LogID(p.Log), storage.FromFirst, 1, 1<<20
		q.Head = make([]byte, storage.HeadMin)
		s.start(q)
		var n [3]bool
		n[0] = s.logs.Store().Waits(&q.Request)
		for i, use := range []uint32{q.Use() - 1, q.Use()} {
			s.message(0, &message{kind: msgAbandon, req: q, use: use})
			n[i+1] = s.logs.Store().Waits(&q.Request)
		}
		told <- n
	})
	return <-told
}

// TakeReads takes all memory for reads that is not in use, until the function it returns is called.
func (g *Group) TakeReads() (giveBack func()) {
	for _, s := range g.shards {
		dropped := make(chan struct{})
		s.Post(func(s *Shard) {
			for _, p := range s.pools {
				p.Drop()
			}
			close(dropped)
		})
		<-dropped
	}
	pool, held := uring.NewPool(g.lines.Read), [][]byte(nil)
	for n := int(g.lines.Read.Max()); n >= 4096; n /= 2 {
		for p := pool.Get(n); p != nil; p = pool.Get(n) {
			held = append(held, p)
		}
	}
	return func() {
		for _, p := range held {
			pool.Put(p)
		}
		pool.Close()
	}
}

// ReadsClaimed reports whether a shard has the others take no memory for reads.
func (g *Group) ReadsClaimed() bool { return g.readClaim.Load() != 0 }

// WakeAll has every shard take a turn.
func (g *Group) WakeAll() {
	for _, s := range g.shards {
		s.io.Wake()
	}
}

// ConnectionsFrom counts the connections of each address, as the limit of an address sees them.
func (g *Group) ConnectionsFrom() map[string]int {
	return g.clients.Addresses()
}

// ListBytes is what the shards hold for lists.
func (g *Group) ListBytes() int {
	n := make(chan int, len(g.shards))
	for _, s := range g.shards {
		s.Post(func(s *Shard) { n <- s.calls.ListBytes() })
	}
	all := 0
	for range g.shards {
		all += <-n
	}
	return all
}

// HeldForClients says what shards have on behalf of clients, which are gone; empty: nothing.
func (g *Group) HeldForClients() string {
	for _, s := range g.shards {
		held := make(chan string, 1)
		s.Post(func(s *Shard) { held <- s.Held() })
		if x := <-held; x != "" {
			return x
		}
	}
	return ""
}

// Credits is how many requests a shard may have under way at another one.
func (g *Group) Credits() int { return g.mesh.Credits() }

// Conns is how many connections each shard has.
func (g *Group) Conns() (n []int) {
	for i := range g.loads {
		n = append(n, int(g.loads[i].conns.Load()))
	}
	return n
}

// Handled counts the frames that a shard has begun to handle.
func (g *Group) Handled(shard int) uint64 {
	n := make(chan uint64, 1)
	g.shards[shard].Post(func(s *Shard) { n <- s.calls.Handled() })
	return <-n
}

// SpareRequests counts the requests that are not in use and have memory of their own.
func (g *Group) SpareRequests() int {
	n := make(chan int, len(g.shards))
	for _, s := range g.shards {
		s.Post(func(s *Shard) { n <- s.front.Spare() })
	}
	all := 0
	for range g.shards {
		all += <-n
	}
	return all
}
