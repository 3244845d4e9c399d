package storage

// What a log decides for itself, and what takes effect of it, are two things: decide has the decision journaled, and apply is called when
// that is safe on stable storage. Between the two a crash finds the log as it was before, or as it will be.

// mark is a decision that takes effect when its group is safe on stable storage.
type mark struct {
	kind  entryKind // entryReserve, entryStart
	log   *Log
	bound Offset
	seg   Offset // start: the first segment kept
	level Level  // reserve: at which the offsets may be told
}

// entry is the decision as the journal has it.
func (m *mark) entry() *entry {
	return &entry{kind: m.kind, level: LevelPersisted, log: m.log.cfg.ID, seg: m.seg, base: m.bound, next: m.bound, length: uint32(m.level)}
}

// decide adds m to the gathering group. There is room for it.
func (j *journal) decide(m mark) {
	j.s.stir(m.log)
	j.add(m.entry(), nil)
	j.gather.marks = append(j.gather.marks, m)
	j.touch(m.log)
}

// apply makes m take effect.
func (m *mark) apply(s *Store) {
	l := m.log
	s.working = l.cfg.ID
	switch m.kind {
	case entryReserve:
		l.reservation.apply(m.bound, m.level)
		l.pump()
	case entryStart:
		l.started(m)
	}
}
