package storage

// Descriptors. A segment's files stay open while it is used; when a store has more open than it may, those that were not used for long
// are closed and opened again when they are wanted. A segment that still has to be written keeps its
// descriptor: a quiet log is padded first, so that all of it lies in its blocks.

// files are the descriptors that a store has open.
type files struct {
	open   int
	max    int
	cursor cursor
	round  int   // how often the cursor has gone through all logs to close some: each time younger ones go
	next   int64 // when to look again
}

// filesPause is the least time between two searches for descriptors to close, in nanoseconds.
const filesPause = 100e6

// unusedFor is how long a descriptor has not been used that is closed in each round.
var unusedFor = [...]int64{60e9, 10e9, 1e9, 0}

// opened counts a descriptor.
func (f *files) opened(g *segment, mono int64) {
	f.open++
	g.used = mono
}

// searching reports whether a search is under way.
func (f *files) searching() bool { return f.round > 0 || f.cursor.at > 0 }

// tooMany reports whether some have to be closed, or are being closed.
func (f *files) tooMany(mono int64) bool {
	return f.open > f.max && mono >= f.next || f.searching() && f.open > f.max/4*3
}

// age is how long a descriptor has not been used that is closed now. While more are open than may be, every one goes that can.
func (f *files) age() int64 {
	if f.open > f.max {
		return 0
	}
	return unusedFor[f.round]
}

// rest ends a search; the next one does not begin before a time.
func (f *files) rest(next int64) { f.cursor, f.round, f.next = cursor{}, 0, next }

// closeQuiet closes descriptors that nobody has used for long, down to three quarters of what may be open, of some logs in each turn.
func (f *files) closeQuiet(v *places, left int, mono int64) {
	for left > 0 && f.tooMany(mono) {
		l, end := f.cursor.next(v, &left)
		if end {
			f.round++
		}
		if f.round == len(unusedFor) {
			f.rest(mono + filesPause) // what is left is in use
			return
		}
		if l != nil {
			left -= len(l.segs.list) / segmentsPerLog
			closeIdle(l, mono-f.age())
		}
	}
	if f.searching() && f.open <= f.max/4*3 {
		f.rest(0)
	}
}

// segmentsPerLog is how many segments of a log are as much work to look at as a log.
const segmentsPerLog = 16

// closeIdle closes the descriptors of l that were not used since.
func closeIdle(l *Log, since int64) {
	for _, g := range l.segs.list {
		if g.fd < 0 && g.readFD < 0 || g.used > since || !g.idle() {
			continue
		}
		if !g.sealed && l.tail.flushed < g.end {
			l.pad() // closed the next time
			continue
		}
		g.closeFiles()
	}
}

// idle reports whether no operation on g is in flight or waits.
func (g *segment) idle() bool {
	l := g.log
	if g.busy() || l.segs.opening || l.fenced != nil || l.leaving != nil || l.closing != nil {
		return false
	}
	if !l.wait.empty() || l.segs.growing && g == l.segs.active() {
		return false
	}
	return !l.tail.writesTo(g)
}
