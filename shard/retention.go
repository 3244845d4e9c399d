package shard

import (
	"time"

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
	if rule == (storage.Retention{}) {
		return
	}
	for _, p := range t.Partitions {
		if owner, ok := s.owners.Owner(router.LogID(p.Log)); !ok || owner != s.id {
			continue
		}
		if l := s.store.Log(storage.LogID(p.Log)); l != nil {
			l.Retain(rule)
		}
	}
}

// retention is what a topic's settings ask of each of its partitions: an equal share of the topic's size, but never
// less than a full segment and the largest batch.
func (s *Shard) retention(t *metadata.Topic) storage.Retention {
	var rule storage.Retention
	now := uint64(s.now.UnixMicro())
	if e := t.Settings.MessageExpiryMicros; e != metadata.NeverExpires && e < now {
		rule.OlderThan = now - e
	}
	if m := t.Settings.MaxTopicSize; m != metadata.Unlimited && len(t.Partitions) > 0 {
		share := m / uint64(len(t.Partitions))
		rule.BytesMax = int64(max(share, t.Settings.SegmentSize+uint64(s.cfg.FrameBytesMax)))
	}
	return rule
}

const defaultRetention = time.Minute
