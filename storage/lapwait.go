package storage

// lapWait is that logs wait for room in laps. Rounds over the logs in laps look for some that rest. In the first one those are passed over that
// were used since the last round. Each that finds none that can leave is followed by a longer pause: what is in flight of a log has to end
// first. What its journal has in the page cache only is synced for it, once. When so many rounds had no log leave laps, whatever else they
// did, nobody can be helped: who waits is refused, and for a moment who comes.
//
// Small logs may take what others leave before a large one fits. When so many rounds have passed it by, nobody else is let in until it is, or until
// it waits no more.
type lapWait struct {
	on       bool   // logs wait, or did until room for others was made as well
	asked    bool   // one has asked for room that there was not, since the last round
	rounds   int    // since the last log left laps
	left     bool   // one has, since the last round
	synced   bool   // the journal, since then
	until    uint64 // up to this group
	refusing int64  // not 0: who waits is refused, until then, and until all that waited have heard of it
	heard    int    // turns since then in which all were tried

	large      LogID // the one that needs most of those that wait; 0: none
	need       int64 // bytes
	largeAsked bool  // since the last round
	passedBy   int   // rounds
}

const (
	waitRounds   = 7          // without a log that leaves laps
	waitPause    = int64(2e6) // nanoseconds after the first two of them, twice as many after each further one
	waitRefusing = int64(100e6)
	waitHeard    = 3
)

// end begins anew with the next log that waits.
func (w *lapWait) end() {
	w.on, w.asked, w.rounds, w.left, w.synced = false, false, 0, false, false
	w.passLarge()
}

func (w *lapWait) passLarge() { w.large, w.need, w.largeAsked, w.passedBy = 0, 0, false, 0 }

// ask notes that a log waits for so many bytes. It asks again in each turn in which it is tried.
func (w *lapWait) ask(id LogID, bytes int64) {
	w.on, w.asked = true, true
	if id != w.large {
		if bytes <= w.need {
			return
		}
		w.large, w.passedBy = id, 0
	}
	w.need, w.largeAsked = bytes, true
}

// lets reports whether a log may have room if there is some: no other has waited for long.
func (w *lapWait) lets(id LogID) bool { return w.passedBy <= waitRounds || id == w.large }

// served is told of each log that has got its room.
func (w *lapWait) served(id LogID) {
	if id == w.large {
		w.passLarge()
	}
}

// roundEnds takes in what a round has found, and says when the next one may begin; hopeless: there is none.
func (w *lapWait) roundEnds(r tableRound, j *journal) (next int64, hopeless bool) {
	if w.passedBy++; !w.largeAsked {
		w.passLarge()
	}
	w.largeAsked = false
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
