package storage

import (
	"fmt"
	"maps"
	"math"
)

// tally says who stored how many offsets.
type tally map[User]int

func (t tally) add(user User, n int) {
	if t[user] += n; t[user] == 0 {
		delete(t, user)
	}
}

// storedOffsets are those of the consumers of one log. They lie in a list without holes, so that a few at a time can be looked at.
type storedOffsets struct {
	list  []OffsetState         // none is a deleted one
	at    map[ConsumerKey]int32 // where in list
	count uint64                // rises with every change, also over moves and starts, and orders the changes of one log in all journals
	users tally                 // whose they are
	all   tally                 // of all logs of the store, counted along
}

// find returns what a consumer has stored, or nil. It is valid until the next change.
func (v *storedOffsets) find(key ConsumerKey) *OffsetState {
	if i, ok := v.at[key]; ok {
		return &v.list[i]
	}
	return nil
}

// get returns what a consumer has stored, if it has.
func (v *storedOffsets) get(key ConsumerKey) (Offset, bool) {
	if o := v.find(key); o != nil {
		return o.Offset, true
	}
	return 0, false
}

// decide says how a change is noted that is made now. It changes nothing but the count.
func (v *storedOffsets) decide(o OffsetState, now uint64) OffsetState {
	v.count++
	o.Count, o.Moved = v.count, now
	if old := v.find(o.Key); old != nil && !o.Deleted && old.Offset == o.Offset {
		o.Moved = old.Moved // stored again, where it was
	}
	return o
}

// apply makes o what is stored. A deleted one leaves nothing: the journal has its end up to the next record of all offsets of the log, which
// says that it has all.
func (v *storedOffsets) apply(o OffsetState) {
	i, known := v.at[o.Key]
	other := known && (o.Deleted || v.list[i].User != o.User)
	if other {
		v.tally(v.list[i].User, -1)
	}
	if !o.Deleted && (other || !known) {
		v.tally(o.User, 1)
	}
	switch {
	case known && o.Deleted:
		v.cut(i)
	case known:
		v.list[i] = o
	case !o.Deleted:
		if v.at == nil {
			v.at = make(map[ConsumerKey]int32)
		}
		v.at[o.Key] = int32(len(v.list))
		v.list = append(v.list, o)
	}
}

// tally counts an offset more, or less, of a user.
func (v *storedOffsets) tally(user User, n int) {
	if v.users == nil {
		v.users = make(tally)
	}
	v.users.add(user, n)
	v.all.add(user, n)
}

// cut takes number i out of the list; the last one takes its place.
func (v *storedOffsets) cut(i int32) {
	last := int32(len(v.list) - 1)
	delete(v.at, v.list[i].Key)
	if i != last {
		v.list[i] = v.list[last]
		v.at[v.list[i].Key] = i
	}
	v.list[last] = OffsetState{}
	v.list = v.list[:last]
}

// join counts the offsets with those of a store's other logs.
func (v *storedOffsets) join(all tally) {
	v.all = all
	for user, n := range v.users {
		all.add(user, n)
	}
}

// leave counts them no more.
func (v *storedOffsets) leave() {
	for user, n := range v.users {
		v.all.add(user, -n)
	}
	v.all = nil
}

// heldBy says how many offsets a user has, in all logs and in this one. Those that an older build noted for the user's number alone count
// for whoever has it now.
func (v *storedOffsets) heldBy(user User) (all, here int) {
	all, here = v.all[user], v.users[user]
	if older := (User{Number: user.Number}); user != older {
		all, here = all+v.all[older], here+v.users[older]
	}
	return all, here
}

// room reports whether one more consumer may store an offset for a user, where laps have room for free more and a log may have most. Every
// lap carries those of the logs in use, so the room is the shard's, and everybody has a share of it: a user may hold as many as are still free,
// counting those in logs that rest too, as any may be used again, and half as many in one log. While all logs are in use, whoever takes all
// that can be had so takes a half, two take two thirds, and who holds none always finds room.
func (v *storedOffsets) room(user User, free int64, most int) bool {
	all, here := v.heldBy(user)
	return len(v.list) < most && int64(all) < free && int64(here) < (free+1)/2
}

// lowest is the smallest stored offset that keeps what is expired.
type lowest struct {
	none   bool
	key    ConsumerKey
	offset Offset
	until  uint64
}

// holds reports whether g has a record behind it.
func (w *lowest) holds(g *segment) bool { return !w.none && g.next-1 > w.offset }

// lowest looks through all that moved within hold microseconds. One of which nobody knows when it moved counts as moved now.
func (v *storedOffsets) lowest(hold, now uint64) lowest {
	low := lowest{none: true}
	if hold == 0 {
		return low
	}
	for i := range v.list {
		o := &v.list[i]
		if o.Moved == 0 {
			o.Moved = now
		}
		if hold != HoldForever && o.Moved+min(hold, math.MaxInt64) <= now || !low.none && !(o.Offset < low.offset || o.Offset == low.offset && o.Key.less(low.key)) {
			continue
		}
		low = lowest{key: o.Key, offset: o.Offset}
		if hold != HoldForever {
			low.until = o.Moved + min(hold, math.MaxInt64)
		}
	}
	return low
}

// appendTo adds all of them to dst, in the form of laps and state files.
func (v *storedOffsets) appendTo(dst []byte) []byte {
	for i := range v.list {
		dst = appendOffset(dst, &v.list[i])
	}
	return dst
}

func (v *storedOffsets) invariants(id LogID) {
	users := tally(nil)
	for i := range v.list {
		o := &v.list[i]
		if at, ok := v.at[o.Key]; !ok || int(at) != i || o.Deleted || o.Count > v.count {
			panic(fmt.Sprintf("BUG: log %d: stored offset %+v is number %d, found at %d, changes are counted to %d", id, *o, i, at, v.count))
		}
		if users == nil { // made when it is needed: tests count what requests allocate
			users = make(tally)
		}
		users.add(o.User, 1)
	}
	if len(v.at) != len(v.list) || !maps.Equal(users, v.users) {
		panic(fmt.Sprintf("BUG: log %d has %d stored offsets of %v, those of %v are counted; %d are found by key", id, len(v.list), users, v.users, len(v.at)))
	}
}

// field is the user in a field of an entry.
func (u User) field() Offset { return Offset(u.Since)<<32 | Offset(u.Number) }

func userOf(field Offset) User { return User{Number: uint32(field), Since: uint32(field >> 32)} }

// put has e say what is stored.
func (o *OffsetState) put(e *entry, log LogID, level Level) {
	*e = entry{kind: entryOffset, level: level, log: log, base: o.Offset, next: Offset(o.Count), check: uint64(o.Key.ID),
		timestamp: o.Moved, prevSeg: o.User.field()}
	if o.Key.Group {
		e.pos = 1
	}
	if o.Deleted {
		e.length = 1
	}
}

// storedOffset is what an entryOffset says.
func (e *entry) storedOffset() OffsetState {
	return OffsetState{Key: ConsumerKey{Group: e.pos == 1, ID: uint32(e.check)}, Offset: e.base, Count: uint64(e.next), Deleted: e.length == 1,
		User: userOf(e.prevSeg), Moved: e.timestamp}
}

// storedOffsets are what an entryOffsets carries.
func (e *entry) storedOffsets() (list []OffsetState) {
	for r := (stateReader{p: e.data, version: stateVersion}); len(r.p) >= offsetSize; {
		list = append(list, r.offset())
	}
	return list
}

// less orders consumers before groups, and each by number.
func (k ConsumerKey) less(o ConsumerKey) bool {
	if k.Group != o.Group {
		return !k.Group
	}
	return k.ID < o.ID
}
