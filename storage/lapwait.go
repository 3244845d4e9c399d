package storage

// lapWait is that logs wait for room in laps. Rounds over the logs in laps look for some that rest. In the first one those are passed over that
// were used since the last round. Each that finds none that can leave is followed by a longer pause: what is in flight of a log has to end
// first. What its journal has in the page cache only is synced for it, once. When so many rounds had no log leave laps, whatever else they
// did, nobody can be helped: who waits is refused, and for a moment who comes.
type lapWait struct {
	on       bool   // logs wait
	rounds   int    // since the last log left laps
	left     bool   // one has, since the last round
	synced   bool   // the journal, since then
	until    uint64 // up to this group
	refusing int64  // not 0: who waits is refused, until then, and until all that waited have heard of it
	heard    int    // turns since then in which all were tried
}

const (
	waitRounds   = 7          // without a log that leaves laps
	waitPause    = int64(2e6) // nanoseconds after the first two of them, twice as many after each further one
	waitRefusing = int64(100e6)
	waitHeard    = 3
)

// end begins anew with the next log that waits.
func (w *lapWait) end() { w.on, w.rounds, w.left, w.synced = false, 0, false, false }

// roundEnds takes in what a round has found, and says when the next one may begin; hopeless: there is none.
func (w *lapWait) roundEnds(r tableRound, j *journal) (next int64, hopeless bool) {
	if w.left {
		w.rounds, w.left, w.synced = 0, false, false
	}
	if w.rounds == waitRounds {
		w.end()
		return 0, true
	}
	if r.unsynced > 0 && !w.synced && (r.added == 0 || w.rounds > 1) {
		w.synced, w.until = true, j.number-1
		j.syncBuffered()
	}
	if w.rounds > 1 || r.added+r.cooled == 0 {
		next = j.s.mono + waitPause<<max(0, w.rounds-1)
	}
	w.rounds++
	return next, false
}

// syncs reports whether what was asked for is not synced yet.
func (w *lapWait) syncs(j *journal) bool { return w.until > j.psafe }

// refuse has who waits be refused until then.
func (w *lapWait) refuse(until int64) { w.refusing, w.heard = until, 0 }

// refuses reports whether who asks now is refused. When nobody has asked for long, that is over.
func (w *lapWait) refuses(now int64) bool {
	if w.refusing != 0 && now > w.refusing+tableRefused {
		w.refusing = 0
	}
	return w.refusing != 0
}

// tried is told of each turn in which all that wait were tried.
func (w *lapWait) tried(now int64) {
	if w.heard++; w.heard > waitHeard && now >= w.refusing {
		w.refusing = 0
	}
}
