package front

// lapStep bounds the connections that one step of a lap looks at.
const lapStep = 256

// lap is a way past all connections that there are when it begins, some in each turn. Places keep their order, so that nobody who stays
// is left out; who comes into a place ahead is looked at as well.
type lap struct{ next, end int }

// laps are those that a Front makes.
type laps struct {
	late  lap // of Sweep
	slow  lap // of CutSlow
	ends  lap // of Stop
	rests lap // of SeekResting
}

// underWay reports whether there is a lap whose next step is due.
func (l *laps) underWay() bool {
	return l.late.underWay() || l.slow.underWay() || l.ends.underWay() || l.rests.underWay()
}

// begin begins a lap, unless one is under way.
func (l *lap) begin(t *table) {
	if !l.underWay() {
		l.next, l.end = 0, len(t.all)
	}
}

func (l *lap) underWay() bool { return l.next < l.end }

// step returns the connections whose turn it is, free places among them.
func (l *lap) step(t *table) []*conn {
	from := l.next
	l.next = min(l.end, from+lapStep)
	return t.all[from:l.next]
}
