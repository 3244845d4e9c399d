package board_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/galgo-mq/galgo/board"
)

// bell counts how often it was rung, and fails when it is after it was taken down.
type bell struct {
	t     *testing.T
	rung  atomic.Int32
	taken atomic.Bool
}

func (b *bell) Wake() {
	if b.rung.Add(1); b.taken.Load() {
		b.t.Error("a shard is woken that has gone")
	}
}

// TestInboxKeepsAll: what several goroutines post is taken once, in the order of each, and nothing after the inbox was closed.
func TestInboxKeepsAll(t *testing.T) {
	const posters, each = 4, 2000
	var b board.Inbox[[2]int]
	shard := &bell{t: t}
	var all sync.WaitGroup
	for i := range posters {
		all.Go(func() {
			for k := range each {
				b.Post([2]int{i, k}, shard)
			}
		})
	}
	var next [posters]int
	for n := 0; n < posters*each; {
		for _, v := range b.Take() {
			if next[v[0]] != v[1] {
				t.Fatalf("goroutine %d: number %d comes when %d is due", v[0], v[1], next[v[0]])
			}
			next[v[0]]++
			n++
		}
	}
	all.Wait()
	if b.HasNews() || b.Take() != nil || shard.rung.Load() != posters*each {
		t.Errorf("there is more than was posted; woken %d times", shard.rung.Load())
	}
	b.Close()
	shard.taken.Store(true)
	b.Post([2]int{0, each}, shard)
	if b.HasNews() {
		t.Error("something was posted after the end")
	}
}
