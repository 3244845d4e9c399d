package storage

// The level of a log can change while it serves. It is lowered by SetLevel when that is committed: what is appended then
// is told at the new level, behind reserved offsets. It is raised in two steps, because after a crash the committed level
// says what must have survived:
//
//	ReqRaise  what is told from now on is as safe as the new level, and all that was told before is made so
//	commit    the metadata knows the new level
//	SetLevel  it holds; if the commit was refused, the old one again
//
// A crash before the commit finds the old level, which promises less than was kept.

// SetLevel says at which levels appends and stored offsets are acknowledged from now on. A higher level than before was
// asked for by ReqRaise first.
func (l *Log) SetLevel(records, offsets Level) { l.cfg.Level, l.cfg.OffsetLevel = records, offsets }
