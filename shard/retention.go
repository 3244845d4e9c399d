package shard

import (
	"iter"
	"math"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// retaining is how far a pass over all topics has come.
type retaining struct {
	next   int64 // when a pass begins
	active bool
	at     [3]int // the next stream, topic and partition
	since  uint64 // of the topic; another one of that number begins with its first partition
}

// retainWork is how many partitions a turn looks at, those of other shards and topics without a rule included: a pass over 100,000 of them must
// not be one turn.
const retainWork = 256

// retain applies the topics' limits of age and size to the logs of this shard, once per RetentionInterval, a part in each turn.
func (s *Shard) retain() {
	x := &s.retaining
	if !x.active {
		if s.mono < x.next {
			return
		}
		*x = retaining{next: s.mono + int64(s.cfg.RetentionInterval), active: true}
	}
	for work := retainWork; work > 0; work-- {
		if !s.retainStep(&work) {
			x.active = false
			return
		}
	}
}

// retainStep looks at what is next, and reports whether there was something.
func (s *Shard) retainStep(work *int) bool {
	x := &s.retaining
	st := s.meta.StreamSlot(x.at[0])
	switch {
	case x.at[0] >= s.meta.StreamSlots():
		return false
	case st == nil || x.at[1] >= st.TopicSlots():
		x.at = [3]int{x.at[0] + 1, 0, 0}
		return true
	}
	t := st.TopicSlot(x.at[1])
	if t == nil || !s.retainTopic(t, work) {
		x.at = [3]int{x.at[0], x.at[1] + 1, 0}
	}
	return true
}

// retainTopic looks at the next partitions of t, as far as there is work left, and reports whether some are left then.
func (s *Shard) retainTopic(t *metadata.Topic, work *int) bool {
	x := &s.retaining
	rule := s.retention(t)
	if rule.ExpiryMicros == 0 && rule.BytesMax == 0 {
		return false
	}
	if x.since != t.Since {
		x.since, x.at[2] = t.Since, 0
	}
	for ; x.at[2] < len(t.Partitions) && *work > 0; *work-- {
		id := t.Partitions[x.at[2]].Log
		x.at[2]++
		if owner, ok := s.owners.Owner(router.LogID(id)); !ok || owner != s.id {
			continue
		}
		if l := s.store.Log(storage.LogID(id)); l != nil {
			l.SetRetention(rule, int64(t.Settings.SegmentSize))
			l.Retain()
		}
	}
	return x.at[2] < len(t.Partitions)
}

// logsOf walks the logs of a topic that this shard owns.
func (s *Shard) logsOf(t *metadata.Topic) iter.Seq[*storage.Log] {
	return func(yield func(*storage.Log) bool) {
		for _, p := range t.Partitions {
			if owner, ok := s.owners.Owner(router.LogID(p.Log)); !ok || owner != s.id {
				continue
			}
			if l := s.store.Log(storage.LogID(p.Log)); l != nil && !yield(l) {
				return
			}
		}
	}
}

// retention is what a topic's settings ask of each of its partitions: an equal share of the topic's size.
func (s *Shard) retention(t *metadata.Topic) storage.Retention {
	rule := storage.Retention{HoldMicros: t.Settings.OffsetsHoldMicros}
	if rule.HoldMicros == metadata.HoldDefault {
		rule.HoldMicros = uint64(s.cfg.OffsetsHold.Microseconds())
	}
	if e := t.Settings.MessageExpiryMicros; e != metadata.NeverExpires {
		rule.ExpiryMicros = e
	}
	if m := t.Settings.MaxTopicSize; m != metadata.Unlimited && len(t.Partitions) > 0 {
		rule.BytesMax = int64(max(1, min(m/uint64(len(t.Partitions)), math.MaxInt64)))
	}
	return rule
}

// takeSettings shows the logs of a topic that this shard owns what its settings are now: levels that are committed, size of segments,
// what is kept.
func (s *Shard) takeSettings(t *metadata.Topic) {
	rule := s.retention(t)
	for l := range s.logsOf(t) {
		l.SetLevel(s.cfg.level(t.Settings.Durability), s.cfg.level(t.Settings.OffsetDurability))
		l.SetRetention(rule, int64(t.Settings.SegmentSize))
	}
}

// takeSettingsOf is takeSettings for the topic of these numbers, if it is there.
func (s *Shard) takeSettingsOf(stream metadata.StreamID, topic metadata.TopicID) {
	if t, err := s.meta.Topic(metadata.ByNumber(stream), metadata.ByNumber(topic)); err == nil {
		s.takeSettings(t)
	}
}
