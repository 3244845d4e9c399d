package owner

import (
	"slices"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Open makes the log of a new partition. tag is the caller's, as Log.Tag.
func (o *Owner) Open(c *metadata.CreatedLog, tag any) {
	o.store.OpenLog(o.cfg.log(c.Log, c.Partition, &c.Settings)).Tag = tag
}

// Found is a log as recovery has found it, and the caller's tag for it.
type Found struct {
	State *storage.LogState
	Tag   any
}

// Adopt takes in logs that recovery has found, and which the metadata has.
func (o *Owner) Adopt(found []Found) {
	type place struct {
		topic     *metadata.Topic
		partition metadata.PartitionID
	}
	places := make(map[storage.LogID]place, len(found))
	for i := range found {
		places[found[i].State.ID] = place{}
	}
	for st := range o.meta.Streams() {
		for t := range st.Topics() {
			for i, p := range t.Partitions {
				if _, here := places[storage.LogID(p.Log)]; here {
					places[storage.LogID(p.Log)] = place{t, metadata.PartitionID(i)}
				}
			}
		}
	}
	for _, f := range found {
		st, at := f.State, places[f.State.ID]
		t := at.topic
		st.Offsets = slices.DeleteFunc(st.Offsets, func(x storage.OffsetState) bool { // of groups deleted just before the end
			if !x.Key.Group {
				return false
			}
			_, err := t.Group(metadata.ByNumber(metadata.GroupID(x.Key.ID)))
			return err != nil
		})
		l := o.store.AdoptLog(o.cfg.log(metadata.LogID(st.ID), at.partition, &t.Settings), st)
		l.Tag = f.Tag
		l.SetRetention(o.cfg.retention(t), int64(t.Settings.SegmentSize))
	}
}
