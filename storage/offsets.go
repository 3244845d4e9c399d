package storage

import (
	"errors"
	"fmt"
	"sort"
)

// storedOffset is what a consumer stored, with the count that orders the records of one log in all journals. A deleted one is
// kept only if an older one may be read at the next start from elsewhere than this shard's journal, whose own order is enough.
type storedOffset struct {
	offset    Offset
	count     uint64
	deleted   bool
	elsewhere bool // in the state file, in a side file, or in the journal of a shard that had the log before
	user      User
	moved     uint64 // when offset last changed, microseconds; 0: an older build did not say
}

// changeOffset stores or deletes a consumer's offset; it is answered when that is safe at the log's offset level.
func (l *Log) changeOffset(r *Request) {
	old, had := l.offsets[r.Consumer]
	switch {
	case l.closed || l.closing != nil:
		l.s.answer(r, ErrClosed)
		return
	case r.Kind == ReqDeleteOffset && (!had || old.deleted):
		l.s.answer(r, ErrNoStoredOffset)
		return
	case r.Kind == ReqStoreOffset && !l.bounds.reaches(Offset(r.Value)):
		l.s.answer(r, ErrOffsetBeyondEnd)
		return
	case r.Kind == ReqStoreOffset && (!had || old.deleted) && !l.offsetRoom(r.User):
		l.s.answer(r, ErrTooManyConsumers)
		return
	case !l.s.journal.room(entryHeadSize):
		l.s.starved.push(r)
		return
	}
	r.level = l.cfg.OffsetLevel
	l.putOffset(r.Consumer, storedOffset{offset: Offset(r.Value), deleted: r.Kind == ReqDeleteOffset, user: r.User}, r.level)
	if r.level == LevelMemory {
		l.s.answer(r, nil)
		return
	}
	l.s.journal.gather.wait.push(r)
}

// errRoomLater: the journal has no room for the offset at the moment.
var errRoomLater = errors.New("the journal has no room at the moment")

// autoCommit moves a consumer's offset forward with the next group; nobody waits for it. An error says why it cannot.
func (l *Log) autoCommit(key ConsumerKey, user User, offset Offset) error {
	old, had := l.offsets[key]
	switch {
	case had && !old.deleted && old.offset >= offset:
		return nil
	case l.closed:
		return ErrClosed
	case l.s.journal.failed != nil:
		return ErrJournalFailed
	case (!had || old.deleted) && !l.offsetRoom(user):
		l.s.stats.unstored++
		return ErrTooManyConsumers
	case l.s.short && (!had || old.deleted) && !l.s.journal.lapHolds(offsetSize): // it takes nothing of the file that would have the lap come before
		return errShort
	case l.s.short: // the next lap carries it; nobody was promised that it survives a crash
		l.noteOffset(key, storedOffset{offset: offset, user: user})
		return nil
	case !l.s.journal.room(entryHeadSize):
		return errRoomLater
	}
	l.putOffset(key, storedOffset{offset: offset, user: user}, LevelMemory)
	return nil
}

// offsetRoom reports whether one more consumer of l may store an offset for a user. Every lap carries them all, so the room is the
// shard's, and everybody has a share of it: a user may hold as many as are still free, and half as many in one log. Whoever takes all
// that can be had so takes a half, two take two thirds, and who holds none always finds room. Offsets that an older build noted for a
// user's number alone count for whoever has it now.
func (l *Log) offsetRoom(user User) bool {
	s := l.s
	all, here := s.users[user], l.users[user]
	if older := (User{Number: user.Number}); user != older {
		all, here = all+s.users[older], here+l.users[older]
	}
	free := (s.carryShare(offsetsShare) - s.Carry()) / offsetSize
	ok := l.stored < s.cfg.ConsumersPerLogMax && int64(all) < free && int64(here) < (free+1)/2
	if !ok && s.mono >= s.nextShareReport {
		s.nextShareReport = s.mono + roomReportPause
		s.report("offsets of new consumers are refused", l.cfg.ID, fmt.Errorf("%w: user %d has %d here, %d on this shard, where %d are free",
			ErrTooManyConsumers, user.Number, here, all, max(0, free)))
	}
	return ok
}

// countOffset notes that a user holds one more stored offset, or one less.
func (l *Log) countOffset(user User, n int) {
	if l.users == nil {
		l.users = make(map[User]int)
	}
	for _, users := range [...]map[User]int{l.users, l.s.users} {
		if users[user] += n; users[user] == 0 {
			delete(users, user)
		}
	}
}

func (l *Log) putOffset(key ConsumerKey, o storedOffset, level Level) {
	o = l.noteOffset(key, o)
	l.s.journal.add(l.offsetEntry(key, o, level), nil)
}

// noteOffset is putOffset in memory alone; it returns what is stored now.
func (l *Log) noteOffset(key ConsumerKey, o storedOffset) storedOffset {
	l.offCount++
	old, had := l.offsets[key]
	o.count, o.elsewhere, o.moved = l.offCount, old.elsewhere, l.s.now
	if had && !old.deleted && !o.deleted && old.offset == o.offset {
		o.moved = old.moved // stored again, where it was
	}
	l.setOffset(key, o)
	return o
}

// setOffset notes what is stored now. A deleted one that is nowhere else is forgotten: what journal this shard writes, up to the
// next lap, has its end, and laps do not carry it.
func (l *Log) setOffset(key ConsumerKey, o storedOffset) {
	old, had := l.offsets[key]
	had = had && !old.deleted
	if had {
		l.stored--
	}
	if !o.deleted {
		l.stored++
	}
	if !had || o.deleted || old.user != o.user {
		if had {
			l.countOffset(old.user, -1)
		}
		if !o.deleted {
			l.countOffset(o.user, 1)
		}
	}
	if o.deleted && !o.elsewhere {
		delete(l.offsets, key)
	} else {
		l.offsets[key] = o
	}
	l.noteFixed()
}

// copied notes that what is stored now lies elsewhere too.
func (l *Log) copied() {
	for k, o := range l.offsets {
		o.elsewhere = true
		l.offsets[k] = o
	}
}

func (l *Log) offsetEntry(key ConsumerKey, o storedOffset, level Level) *entry {
	e := &l.s.offEntry
	*e = entry{kind: entryOffset, level: level, log: l.cfg.ID, base: o.offset, next: Offset(o.count), check: uint64(key.ID),
		timestamp: o.moved, prevSeg: o.user.field()}
	if key.Group {
		e.pos = 1
	}
	if o.deleted {
		e.length = 1
	}
	return e
}

// field is the user in a field of an entry.
func (u User) field() Offset { return Offset(u.Since)<<32 | Offset(u.Number) }

func userOf(field Offset) User { return User{Number: uint32(field), Since: uint32(field >> 32)} }

// storedOffset is what an entryOffset says.
func (e *entry) storedOffset() OffsetState {
	return OffsetState{Key: ConsumerKey{Group: e.pos == 1, ID: uint32(e.check)}, Offset: e.base, Count: uint64(e.next), Deleted: e.length == 1,
		User: userOf(e.prevSeg), Moved: e.timestamp}
}

func (o *storedOffset) state(key ConsumerKey) OffsetState {
	return OffsetState{Key: key, Offset: o.offset, Count: o.count, Deleted: o.deleted, User: o.user, Moved: o.moved}
}

func (l *Log) getOffset(r *Request) {
	o, ok := l.offsets[r.Consumer]
	r.Found = ok && !o.deleted
	r.Value, r.Current = uint64(o.offset), l.bounds.last
	l.s.answer(r, nil)
}

// StoredOffset is what a consumer has stored, if it has.
func (l *Log) StoredOffset(key ConsumerKey) (Offset, bool) {
	o, ok := l.offsets[key]
	return o.offset, ok && !o.deleted
}

// ForgetOffset drops what a consumer stored, without a trace: the journal may bring it back at the next start, and whoever opens
// the log then has to know that the consumer is gone for good.
func (l *Log) ForgetOffset(key ConsumerKey) {
	l.setOffset(key, storedOffset{deleted: true})
}

// carryOffsets adds every stored offset to the lap group, in a fixed order.
func (l *Log) carryOffsets(j *journal) {
	data := l.s.scratch[:0]
	for _, k := range l.consumers() {
		o := l.offsets[k]
		st := o.state(k)
		data = appendOffset(data, &st)
	}
	if l.s.scratch = data; len(data) > 0 {
		j.add(&entry{kind: entryOffsets, level: LevelPersisted, log: l.cfg.ID}, data)
	}
}

func (l *Log) consumers() []ConsumerKey {
	keys := make([]ConsumerKey, 0, len(l.offsets))
	for k := range l.offsets {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].less(keys[j]) })
	return keys
}

// less orders consumers before groups, and each by number.
func (k ConsumerKey) less(o ConsumerKey) bool {
	if k.Group != o.Group {
		return !k.Group
	}
	return k.ID < o.ID
}
