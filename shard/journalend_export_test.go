package shard

import "github.com/galgo-mq/galgo/storage"

// TakeReplies takes all memory for replies that is left.
func (g *Group) TakeReplies() {
	done := make(chan struct{})
	g.shards[0].Post(func(s *Shard) {
		for n := 64 << 20; n >= 4096; n /= 2 {
			for s.replyPool.Get(n) != nil {
			}
		}
		close(done)
	})
	<-done
}

// AdoptFencedLogs has the laps of shard 0 carry so many logs more, of no topic, whatever room there is: a fenced log never rests.
func (g *Group) AdoptFencedLogs(n int) {
	done := make(chan struct{})
	g.shards[0].Post(func(s *Shard) {
		for i := range n {
			s.logs.Store().AdoptLog(storage.LogConfig{ID: 1<<40 + storage.LogID(i), Level: storage.LevelPersisted, SegmentSize: 1 << 30},
				&storage.LogState{Fence: "test", Aside: true})
		}
		close(done)
	})
	<-done
}
