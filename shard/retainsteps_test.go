package shard

import (
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// TestRetentionGoesInSteps: a pass over a topic of many partitions looks at a bounded number in each turn, at all of them once, and goes on
// where it was when a topic is deleted meanwhile.
func TestRetentionGoesInSteps(t *testing.T) {
	x := startScripted(t)
	create := func(request uint64, name string, partitions uint32) []byte {
		return frame(wire.CodeCreateTopic, 1, request, vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: wire.Named("s"), Name: []byte(name), PartitionsCount: partitions,
			Options: []wire.Option{wire.Uint64Option("message_expiry", 3_600_000_000)}}))
	}
	x.connect(&socket{pieces: [][]byte{loginFrame(), frame(wire.CodeCreateStream, 1, 1, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("s")})),
		create(2, "a", 10), create(3, "b", 900), create(4, "c", 10)}}).await(t)
	pass := func(each func(s *Shard, turn int)) (turns int) {
		x.do(func(s *Shard) {
			s.retaining = retaining{}
			for turns = 0; turns == 0 || s.retaining.active; turns++ {
				before := s.retaining.at
				s.retain()
				if after := s.retaining.at; after[1] == before[1] && after[2]-before[2] > retainWork {
					t.Errorf("turn %d goes from %v to %v", turns, before, after)
				}
				each(s, turns)
				if turns > 100 {
					t.Error("the pass does not end")
					return
				}
			}
		})
		return turns
	}
	if turns := pass(func(*Shard, int) {}); turns < 900/retainWork || turns > 920/retainWork+2 {
		t.Errorf("a pass over 920 partitions takes %d turns", turns)
	}
	deleted := false
	pass(func(s *Shard, turn int) {
		if turn != 1 {
			return
		}
		b, err := s.meta.Topic(metadata.ByName([]byte("s")), metadata.ByName([]byte("b")))
		if err != nil || s.retaining.at[1] != int(b.ID) || s.retaining.at[2] == 0 {
			t.Errorf("after two turns the pass is at %v", s.retaining.at)
			return
		}
		b.Since++ // as if it were another one of that number
		deleted = true
		before := s.retaining.at[2]
		s.retain()
		if s.retaining.at[2] > before {
			t.Errorf("a topic that took the place of another is looked at from partition %d on", before)
		}
		b.Since--
	})
	if !deleted {
		t.Error("the pass ended within two turns")
	}
}
