package board

import (
	"sync"
	"sync/atomic"
)

// Inbox takes what goroutines that are no shards have for one: passwords that were checked, statistics of the system, the command to stop. It
// takes a lock, and is not on the path of messages. The zero value is an empty one.
type Inbox[T any] struct {
	mu     sync.Mutex
	list   []T
	closed bool // nobody takes anything any more, and what would wake the shard may be somebody else's descriptor
	news   atomic.Bool
}

// Waker wakes a shard that sleeps.
type Waker interface{ Wake() }

// Post leaves v for the shard and wakes it, unless the inbox is closed. Any goroutine may call it.
func (b *Inbox[T]) Post(v T, shard Waker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.list = append(b.list, v)
	b.news.Store(true)
	shard.Wake()
}

// Close has nothing posted any more. No Wake is under way when it returns, and none follows.
func (b *Inbox[T]) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// HasNews reports whether there is something for Take.
func (b *Inbox[T]) HasNews() bool { return b.news.Load() }

// Take returns what was posted, in its order. The caller is the shard.
func (b *Inbox[T]) Take() []T {
	if !b.news.Load() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.news.Store(false) // under the lock: what a Post adds meanwhile is taken here, and must not be news once more
	list := b.list
	b.list = nil
	return list
}
