package auth

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// twin does what a gate does, slowly: it keeps every attempt that ever came, the history of every pair, and looks
// through all of it for each decision. It has no table that could be full.
type twin struct {
	limits
	all       []*twinAttempt
	hashing   *twinAttempt
	began     time.Duration
	took      time.Duration
	lastClean bool
	rest      time.Duration // suspects rest until then
	grants    int
	wrongs    map[string][]time.Duration // by pair, and by address with a leading @
	hadHash   map[string]time.Duration   // by pair, of suspects
	served    map[string]int
	known     map[string]string // the right password, by account
	answers   []string
}

type twinAttempt struct {
	id                         int
	account, address, password string
	came, answerAt             time.Duration
	suspect                    bool // when it was hashed
	inHash, hashed, answered   bool
}

func (a *twinAttempt) pair() string { return a.account + "@" + a.address }

func (w *twin) wrong(of string, now time.Duration) float64 {
	d := decaying{}
	for _, at := range w.wrongs[of] {
		d.add(at)
	}
	return d.value(now)
}

func (w *twin) suspect(a *twinAttempt, now time.Duration) bool {
	wrong := w.wrong(a.pair(), now)
	return wrong >= 4.5 || wrong >= 0.5 && w.wrong("@"+a.address, now) >= 9.5
}

// waiting lists attempts that are not answered.
func (w *twin) waiting(is func(a *twinAttempt) bool) (list []*twinAttempt) {
	for _, a := range w.all {
		if !a.answered && (is == nil || is(a)) {
			list = append(list, a)
		}
	}
	return list
}

func (w *twin) arrive(now time.Duration, a *twinAttempt) (busy bool) {
	if len(w.waiting(nil))+len(w.answers) >= w.limits.waiting {
		return true
	}
	if w.known[a.account] == a.password {
		w.answers = append(w.answers, fmt.Sprint(a.id, true))
		return false
	}
	open, ofAddress := len(w.waiting(nil)), len(w.waiting(func(b *twinAttempt) bool { return b.address == a.address }))
	switch {
	case open >= w.crowd && ofAddress >= w.crowdFree,
		open >= w.throng && w.wrong("@"+a.address, now) >= 0.5,
		ofAddress >= w.addressWaiting,
		ofAddress >= w.addressSuspect && w.suspect(a, now):
		return true
	}
	if _, is := w.served[a.address]; !is {
		w.served[a.address] = w.grants
	}
	a.came, a.answerAt = now, now+time.Second+min(2*w.took, time.Second)
	for _, b := range w.all {
		a.answerAt = max(a.answerAt, b.answerAt)
	}
	w.all = append(w.all, a)
	return false
}

func (w *twin) answer(a *twinAttempt, ok bool) {
	a.answered = true
	w.answers = append(w.answers, fmt.Sprint(a.id, ok))
	w.forget()
}

// forget drops what is known of addresses that have neither wrong passwords nor attempts.
func (w *twin) forget() {
	for address := range w.served {
		held := slices.ContainsFunc(w.all, func(a *twinAttempt) bool { return a.address == address && (!a.answered || a.inHash) })
		for _, a := range w.all {
			held = held || a.address == address && len(w.wrongs[a.pair()]) > 0
		}
		if !held {
			delete(w.served, address)
			delete(w.wrongs, "@"+address)
		}
	}
}

// turn returns the number of the attempt to be hashed, or -1.
func (w *twin) turn(now time.Duration, random func(n int) int) int {
	for _, a := range w.waiting(nil) {
		started := a.inHash || a.hashed
		switch {
		case started && !a.suspect:
		case started || w.suspect(a, now):
			if now >= a.answerAt {
				w.answer(a, false)
			}
		case now >= a.came+30*time.Second:
			w.answer(a, false)
		}
	}
	if w.hashing != nil {
		return -1
	}
	for _, a := range w.waiting(func(a *twinAttempt) bool { return !a.hashed && w.known[a.account] == a.password }) {
		w.answer(a, true)
	}
	ready := w.waiting(func(a *twinAttempt) bool {
		last, had := w.hadHash[a.pair()]
		return !a.hashed && w.suspect(a, now) && now >= w.rest && (!had || now >= last+500*time.Millisecond) && now < a.came+time.Second
	})
	fresh := w.waiting(func(a *twinAttempt) bool { return !a.hashed && !w.suspect(a, now) })
	var chosen *twinAttempt
	if len(ready) > 0 {
		only := func(of func(*twinAttempt) string) {
			var names []string
			for _, a := range ready {
				if !slices.Contains(names, of(a)) {
					names = append(names, of(a))
				}
			}
			drawn := names[random(len(names))]
			ready = slices.DeleteFunc(ready, func(a *twinAttempt) bool { return of(a) != drawn })
		}
		only(func(a *twinAttempt) string { return a.address })
		only((*twinAttempt).pair)
		chosen = ready[random(len(ready))]
		chosen.suspect = true
		w.hadHash[chosen.pair()] = now
	} else if len(fresh) > 0 {
		slices.SortStableFunc(fresh, func(a, b *twinAttempt) int { return w.served[a.address] - w.served[b.address] })
		clean := func(a *twinAttempt) bool { return w.wrong("@"+a.address, now) < 0.5 }
		i := slices.IndexFunc(fresh, clean)
		j := slices.IndexFunc(fresh, func(a *twinAttempt) bool { return !clean(a) })
		if w.lastClean = j < 0 || i >= 0 && !w.lastClean; !w.lastClean {
			i = j
		}
		chosen = fresh[i]
	} else {
		return -1
	}
	w.grants++
	w.served[chosen.address] = w.grants
	chosen.inHash, w.hashing, w.began = true, chosen, now
	return chosen.id
}

func (w *twin) judged(now time.Duration, ok bool) {
	a := w.hashing
	w.hashing = nil
	a.inHash, a.hashed = false, true
	took := now - w.began
	w.took += (took - w.took) / 4
	if a.suspect {
		w.rest = now + min(9*took, 500*time.Millisecond)
	}
	if ok {
		w.known[a.account] = a.password
		delete(w.wrongs, a.pair())
		delete(w.hadHash, a.pair())
	} else {
		w.wrongs[a.pair()] = append(w.wrongs[a.pair()], now)
		w.wrongs["@"+a.address] = append(w.wrongs["@"+a.address], now)
	}
	if !a.answered && (ok || !a.suspect) {
		w.answer(a, ok)
	}
	w.forget()
}

// TestGateIsItsTwin lets both decide about the same random attempts, with room so scarce that every bound is met.
func TestGateIsItsTwin(t *testing.T) {
	random := seeded(t)
	answers, grants, busy := 0, 0, 0
	for range 60 {
		l := limits{
			waiting: 24, crowd: 14, crowdFree: 3, throng: 18, addressWaiting: 10, addressSuspect: 7,
			pairs: 1000, addressPairs: 100, remembered: 1000,
		}
		w := newWorld(t, l)
		twin := &twin{
			limits: l, took: 20 * time.Millisecond, wrongs: make(map[string][]time.Duration), hadHash: make(map[string]time.Duration),
			served: make(map[string]int), known: make(map[string]string),
		}
		var given []string
		ids := make(map[*login]int)
		pace := []int{5, 50, 300}[random.IntN(3)]
		for id := range 600 {
			w.now += time.Duration(random.IntN(pace)) * time.Millisecond
			if random.IntN(150) == 0 {
				w.now += time.Duration(random.IntN(600)) * time.Second
			}
			if w.gate.hashing != nil && random.IntN(3) == 0 {
				ok := w.logins[w.gate.hashing].password == "right"
				w.gate.judged(w.now, ok)
				twin.judged(w.now, ok)
			}
			if random.IntN(4) > 0 {
				account, address := fmt.Sprint("u", random.IntN(3)), fmt.Sprint("a", random.IntN(4))
				password := fmt.Sprint("wrong", random.IntN(9))
				if random.IntN(20) == 0 {
					password = "right"
				}
				l := w.login(account, address, password)
				ids[l] = id
				if twinBusy := twin.arrive(w.now, &twinAttempt{id: id, account: account, address: address, password: password}); twinBusy != l.busy {
					t.Fatalf("attempt %d: busy %v, the twin says %v", id, l.busy, twinBusy)
				} else if twinBusy {
					busy++
				}
			}
			draws := random.Uint64()
			draw := func() func(n int) int {
				at := draws
				return func(n int) int { at = at*6364136223846793005 + 1442695040888963407; return int(at>>33) % n }
			}
			grant, twinGrant := -1, twin.turn(w.now, draw())
			if a := w.gate.turn(w.now, draw()); a != nil {
				grant = ids[w.logins[a]]
				grants++
			}
			if grant != twinGrant {
				t.Fatalf("step %d at %v: attempt %d is hashed, the twin hashes %d", id, w.now, grant, twinGrant)
			}
			given = given[:0]
			for _, a := range w.gate.takeAnswers() {
				a.done(a.ok)
			}
			for l, i := range ids {
				if l.answered {
					given = append(given, fmt.Sprint(i, l.ok))
					delete(ids, l)
				}
			}
			slices.Sort(given)
			slices.Sort(twin.answers)
			if !slices.Equal(given, twin.answers) {
				t.Fatalf("step %d at %v: answers %v, the twin gives %v", id, w.now, given, twin.answers)
			}
			answers += len(given)
			twin.answers = nil
		}
	}
	t.Logf("%d answers, %d hashes, %d busy", answers, grants, busy)
}
