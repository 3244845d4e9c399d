package storage

// reservedBounds are the bounds below which offsets may have been told, as far as journals say.
type reservedBounds []reservedBound

// reservedBound is a bound below which offsets may have been told, and the level at which.
type reservedBound struct {
	bound Offset
	level Level
}

// add takes a bound that e states. has is the log's level now: older builds did not say at which offsets were told.
func (b *reservedBounds) add(e *entry, bound Offset, has Level) {
	r := reservedBound{bound, Level(e.length)}
	if r.level == 0 {
		r.level = has
	}
	*b = append(*b, r)
}

// toldAt is the lowest level at which offsets from next on may have been told. The level that the log has now says nothing of
// that: the run before may have had another one.
func (b reservedBounds) toldAt(next Offset) Level {
	at := LevelPersisted
	for _, r := range b {
		if r.bound > next {
			at = min(at, r.level)
		}
	}
	return at
}
