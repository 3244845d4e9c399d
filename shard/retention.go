package shard

import (
	"iter"
	"math"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// retain applies the topics' limits of age and size to the logs of this shard, once per RetentionInterval.
func (s *Shard) retain() {
	if s.mono < s.nextRetain {
		return
	}
	s.nextRetain = s.mono + int64(s.cfg.RetentionInterval)
	for st := range s.meta.Streams() {
		for t := range st.Topics() {
			s.retainTopic(t)
		}
	}
}

func (s *Shard) retainTopic(t *metadata.Topic) {
	rule := s.retention(t)
	if rule.ExpiryMicros == 0 && rule.BytesMax == 0 {
		return
	}
	for l := range s.logsOf(t) {
		l.SetRetention(rule, int64(t.Settings.SegmentSize))
		l.Retain()
	}
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
