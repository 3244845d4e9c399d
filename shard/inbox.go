package shard

import (
	"sync"
	"sync/atomic"
)

// inbox takes work from goroutines that are no shards: the password hasher, the system's statistics, the command to
// stop. It is not on the path of messages.
type inbox struct {
	mu     sync.Mutex
	work   []func(s *Shard)
	closed bool // nobody drains it any more, and what would wake the shard may be somebody else's descriptor
	news   atomic.Bool
}

// post has f run on the shard's thread in its next turn. Any goroutine may call it.
func (s *Shard) Post(f func(s *Shard)) {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	if s.inbox.closed {
		return
	}
	s.inbox.work = append(s.inbox.work, f)
	s.inbox.news.Store(true)
	s.io.Wake()
}

// close has nothing posted any more.
func (b *inbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
}

func (b *inbox) hasNews() bool { return b.news.Load() }

func (b *inbox) drain(s *Shard) {
	if !b.news.Swap(false) {
		return
	}
	b.mu.Lock()
	work := b.work
	b.work = nil
	b.mu.Unlock()
	for _, f := range work {
		f(s)
	}
}
