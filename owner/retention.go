package owner

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// retaining applies the limits of age and size, in passes over all topics.
type retaining struct {
	cfg   *Config
	meta  *metadata.Machine
	store *storage.Store

	next   int64 // when a pass begins
	active bool
	at     [3]int // the next stream, topic and partition
	since  uint64 // of the topic; another one of that number begins with its first partition
}

// retainWork is how many partitions a turn looks at, those of other shards and topics without a rule included: a pass over 100,000 of them must
// not be one turn.
const retainWork = 256

// tend applies the topics' limits of age and size to the logs that are here, once per RetentionInterval, a part in each turn.
func (x *retaining) tend(mono int64) {
	if !x.active {
		if mono < x.next {
			return
		}
		x.next, x.active, x.at, x.since = mono+int64(x.cfg.RetentionInterval), true, [3]int{}, 0
	}
	for work := retainWork; work > 0; work-- {
		if x.active = x.step(&work); !x.active {
			return
		}
	}
}

// step looks at what is next, and reports whether there was something.
func (x *retaining) step(work *int) bool {
	st := x.meta.StreamSlot(x.at[0])
	switch {
	case x.at[0] >= x.meta.StreamSlots():
		return false
	case st == nil || x.at[1] >= st.TopicSlots():
		x.at = [3]int{x.at[0] + 1, 0, 0}
		return true
	}
	t := st.TopicSlot(x.at[1])
	if t == nil || !x.topic(t, work) {
		x.at = [3]int{x.at[0], x.at[1] + 1, 0}
	}
	return true
}

// topic looks at the next partitions of t, as far as there is work left, and reports whether some are left then.
func (x *retaining) topic(t *metadata.Topic, work *int) bool {
	rule := x.cfg.retention(t)
	if rule.ExpiryMicros == 0 && rule.BytesMax == 0 {
		return false
	}
	if x.since != t.Since {
		x.since, x.at[2] = t.Since, 0
	}
	for ; x.at[2] < len(t.Partitions) && *work > 0; *work-- {
		id := t.Partitions[x.at[2]].Log
		x.at[2]++
		if l := x.store.Log(storage.LogID(id)); l != nil {
			l.SetRetention(rule, int64(t.Settings.SegmentSize))
			l.Retain()
		}
	}
	return x.at[2] < len(t.Partitions)
}

// deadline is when a pass goes on, or begins; 0: never, as there is no log.
func (x *retaining) deadline(mono int64) int64 {
	switch {
	case x.active:
		return max(1, mono)
	case x.store.Logs() > 0:
		return max(1, x.next)
	}
	return 0
}
