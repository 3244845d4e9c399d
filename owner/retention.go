package owner

import (
	"github.com/galgo-mq/galgo/metadata"
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

// retain applies the topics' limits of age and size to the logs that are here, once per RetentionInterval, a part in each turn.
func (o *Owner) retain() {
	x := &o.retaining
	if !x.active {
		if o.mono < x.next {
			return
		}
		*x = retaining{next: o.mono + int64(o.cfg.RetentionInterval), active: true}
	}
	for work := retainWork; work > 0; work-- {
		if x.active = o.retainStep(&work); !x.active {
			return
		}
	}
}

// retainStep looks at what is next, and reports whether there was something.
func (o *Owner) retainStep(work *int) bool {
	x := &o.retaining
	st := o.meta.StreamSlot(x.at[0])
	switch {
	case x.at[0] >= o.meta.StreamSlots():
		return false
	case st == nil || x.at[1] >= st.TopicSlots():
		x.at = [3]int{x.at[0] + 1, 0, 0}
		return true
	}
	t := st.TopicSlot(x.at[1])
	if t == nil || !o.retainTopic(t, work) {
		x.at = [3]int{x.at[0], x.at[1] + 1, 0}
	}
	return true
}

// retainTopic looks at the next partitions of t, as far as there is work left, and reports whether some are left then.
func (o *Owner) retainTopic(t *metadata.Topic, work *int) bool {
	x := &o.retaining
	rule := o.cfg.retention(t)
	if rule.ExpiryMicros == 0 && rule.BytesMax == 0 {
		return false
	}
	if x.since != t.Since {
		x.since, x.at[2] = t.Since, 0
	}
	for ; x.at[2] < len(t.Partitions) && *work > 0; *work-- {
		id := t.Partitions[x.at[2]].Log
		x.at[2]++
		if l := o.store.Log(storage.LogID(id)); l != nil {
			l.SetRetention(rule, int64(t.Settings.SegmentSize))
			l.Retain()
		}
	}
	return x.at[2] < len(t.Partitions)
}
