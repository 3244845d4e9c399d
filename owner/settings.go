package owner

import (
	"iter"
	"math"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// TakeSettings shows the logs of a topic that are here what its settings are now, if it is there: levels that are committed, size of
// segments, what is kept.
func (o *Owner) TakeSettings(stream metadata.StreamID, topic metadata.TopicID) {
	t, err := o.meta.Topic(metadata.ByNumber(stream), metadata.ByNumber(topic))
	if err != nil {
		return
	}
	rule := o.cfg.retention(t)
	for l := range o.logsOf(t) {
		l.SetLevel(o.cfg.level(t.Settings.Durability), o.cfg.level(t.Settings.OffsetDurability))
		l.SetRetention(rule, int64(t.Settings.SegmentSize))
	}
}

// logsOf walks the logs of a topic that are here.
func (o *Owner) logsOf(t *metadata.Topic) iter.Seq[*storage.Log] {
	return func(yield func(*storage.Log) bool) {
		for i := range t.Partitions {
			if l := o.store.Log(storage.LogID(t.Partitions[i].Log)); l != nil && !yield(l) {
				return
			}
		}
	}
}

// retention is what a topic's settings ask of each of its partitions: an equal share of the topic's size.
func (c *Config) retention(t *metadata.Topic) storage.Retention {
	rule := storage.Retention{HoldMicros: t.Settings.OffsetsHoldMicros}
	if rule.HoldMicros == metadata.HoldDefault {
		rule.HoldMicros = uint64(c.OffsetsHold.Microseconds())
	}
	if e := t.Settings.MessageExpiryMicros; e != metadata.NeverExpires {
		rule.ExpiryMicros = e
	}
	if m := t.Settings.MaxTopicSize; m != metadata.Unlimited && len(t.Partitions) > 0 {
		rule.BytesMax = int64(max(1, min(m/uint64(len(t.Partitions)), math.MaxInt64)))
	}
	return rule
}

// log is how the log of a partition is made.
func (c *Config) log(id metadata.LogID, partition metadata.PartitionID, t *metadata.Settings) storage.LogConfig {
	return storage.LogConfig{ID: storage.LogID(id), Partition: uint64(partition), Level: c.level(t.Durability),
		OffsetLevel: c.level(t.OffsetDurability), SegmentSize: int64(t.SegmentSize),
		DedupCount: int(t.Deduplication.CountMax()), DedupMicros: t.Deduplication.WindowMicros}
}

// LevelOf says what a topic's durability means on a node where "replicated" is that level.
func LevelOf(l, replicated metadata.Level) storage.Level {
	if l == metadata.LevelReplicated {
		l = replicated
	}
	switch l {
	case metadata.LevelMemory:
		return storage.LevelMemory
	case metadata.LevelWritten:
		return storage.LevelWritten
	}
	return storage.LevelPersisted
}

func (c *Config) level(l metadata.Level) storage.Level { return LevelOf(l, c.Replicated) }
