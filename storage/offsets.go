package storage

import (
	"errors"
	"fmt"
)

// changeOffset stores or deletes a consumer's offset; it is answered when that is safe at the log's offset level.
func (l *Log) changeOffset(r *Request) {
	_, had := l.offsets.get(r.Consumer)
	switch {
	case l.closed || l.closing != nil:
		l.s.answer(r, ErrClosed)
		return
	case r.Kind == ReqDeleteOffset && !had:
		l.s.answer(r, ErrNoStoredOffset)
		return
	case r.Kind == ReqStoreOffset && !l.bounds.reaches(Offset(r.Value)):
		l.s.answer(r, ErrOffsetBeyondEnd)
		return
	case r.Kind == ReqStoreOffset && !had && !offsetRoom(l, r.User):
		l.s.answer(r, ErrTooManyConsumers)
		return
	}
	switch ok, err := l.s.table.admits(l); {
	case err != nil:
		l.s.answer(r, err)
		return
	case !ok || !l.s.journal.room(entryHeadSize):
		l.s.starved.push(r)
		return
	}
	r.soFar.level = l.cfg.OffsetLevel
	l.putOffset(OffsetState{Key: r.Consumer, Offset: Offset(r.Value), Deleted: r.Kind == ReqDeleteOffset, User: r.User}, r.soFar.level)
	if r.soFar.level == LevelMemory {
		l.s.answer(r, nil)
		return
	}
	l.s.journal.gather.wait.push(r)
}

// errRoomLater: the journal has no room for the offset at the moment.
var errRoomLater = errors.New("the journal has no room at the moment")

// autoCommit moves a consumer's offset forward with the next group; nobody waits for it. An error says why it cannot.
func (l *Log) autoCommit(key ConsumerKey, user User, offset Offset) error {
	change := OffsetState{Key: key, Offset: offset, User: user}
	old, had := l.offsets.get(key)
	if had && old >= offset {
		return nil
	}
	short, ok, err := l.s.space.short, true, error(nil)
	if !short {
		ok, err = l.s.table.admits(l)
	}
	more := int64(offsetSize)
	if had {
		more = 0
	}
	switch {
	case err != nil:
		return err
	case l.closed:
		return ErrClosed
	case l.s.journal.failed != nil:
		return ErrJournalFailed
	case !had && !offsetRoom(l, user):
		l.s.stats.Unstored++
		return ErrTooManyConsumers
	case !ok:
		return errRoomLater
	case short && !l.s.table.admitsNow(l, more): // it takes nothing of the file that would have the lap come before
		return errShort
	case short: // the next lap carries it; nobody was promised that it survives a crash
		l.noteOffset(change)
		return nil
	case !l.s.journal.room(entryHeadSize):
		return errRoomLater
	}
	l.putOffset(change, LevelMemory)
	return nil
}

// offsetRoom reports whether one more consumer of l may store an offset for a user.
func offsetRoom(l *Log, user User) bool {
	s := l.s
	free := s.room.offsets()
	ok := l.offsets.room(user, free, s.cfg.ConsumersPerLogMax)
	if !ok {
		all, here := l.offsets.heldBy(user)
		s.reportRoom("offsets of new consumers are refused", l.cfg.ID, fmt.Errorf("%w: user %d has %d here, %d on this shard, where %d are free",
			ErrTooManyConsumers, user.Number, here, all, max(0, free)), &s.room.nextOffsets)
	}
	return ok
}

// noteOffset has a change take effect in memory, and returns what is stored now.
func (l *Log) noteOffset(change OffsetState) OffsetState {
	l.s.stir(l)
	o := l.offsets.decide(change, l.s.now)
	l.offsets.apply(o)
	l.noteFixed()
	return o
}

// putOffset is noteOffset, and has the gathering group say so.
func (l *Log) putOffset(change OffsetState, level Level) {
	var e entry
	o := l.noteOffset(change)
	o.put(&e, l.cfg.ID, level)
	l.s.journal.add(&e, nil)
}

// StoredOffset is what a consumer has stored, if it has.
func (l *Log) StoredOffset(key ConsumerKey) (Offset, bool) { return l.offsets.get(key) }

// ForgetOffset drops what a consumer stored, without a trace: the journal may bring it back at the next start, and whoever opens
// the log then has to know that the consumer is gone for good.
func (l *Log) ForgetOffset(key ConsumerKey) {
	l.offsets.apply(OffsetState{Key: key, Deleted: true})
	l.noteFixed()
}
