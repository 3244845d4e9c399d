package shard

import "github.com/galgo-mq/galgo/router"

// MoveConnection moves the connection of that number to a shard, if it is idle, and reports whether it did.
func (b *Broker) MoveConnection(id uint32, to int) bool {
	moved := make(chan bool, 1)
	for _, s := range b.shards {
		found := make(chan bool, 1)
		s.post(func(s *Shard) {
			for _, c := range s.conns {
				if c.fd >= 0 && c.id == id {
					found <- true
					s.moveConn(c, router.ShardID(to), func(ok bool) { moved <- ok })
					return
				}
			}
			found <- false
		})
		if <-found {
			return <-moved
		}
	}
	return false
}
