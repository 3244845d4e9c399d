package storage

// foundOffsets are the stored offsets of a log as a recovery finds them: of each consumer the newest, in the state file, in journals, in the log
// table and beside a failed log, in any order. Some of these have all offsets of the log up to a change. What is no newer than the furthest of
// them, and not in it, was deleted: a deletion leaves no other trace when such a record follows it.
type foundOffsets struct {
	list    []OffsetState
	among   []uint64            // by place in list: the furthest change up to which it is one of all; 0: none
	at      map[ConsumerKey]int // where in list
	through uint64              // the furthest change up to which something has all
	count   uint64              // of the newest change
}

// one takes what was stored or deleted with one change.
func (v *foundOffsets) one(o OffsetState) { v.add(o, 0) }

// all takes what was stored after the change of that count. 0: there may have been more.
func (v *foundOffsets) all(list []OffsetState, count uint64) {
	v.through, v.count = max(v.through, count), max(v.count, count)
	for i := range list {
		v.add(list[i], count)
	}
}

func (v *foundOffsets) add(o OffsetState, among uint64) {
	v.count = max(v.count, o.Count)
	i, ok := v.at[o.Key]
	if !ok {
		v.at[o.Key] = len(v.list)
		v.list, v.among = append(v.list, o), append(v.among, among)
		return
	}
	if o.Count > v.list[i].Count {
		v.list[i] = o
	}
	v.among[i] = max(v.among[i], among)
}

// left returns what is stored after all that was found.
func (v *foundOffsets) left() (list []OffsetState) {
	for i := range v.list {
		o := &v.list[i]
		if !o.Deleted && (o.Count > v.through || v.among[i] == v.through) {
			list = append(list, *o)
		}
	}
	return list
}
