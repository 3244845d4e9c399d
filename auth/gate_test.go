package auth

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the randomised tests; 0 takes GALGO_SEED or the time")

// seeded makes the source of a randomised test and prints how to have it again.
func seeded(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed, _ = strconv.ParseUint(os.Getenv("GALGO_SEED"), 10, 64)
	}
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

const hashTime = 22 * time.Millisecond

// world runs a gate in virtual time, with a hasher that takes hashTime.
type world struct {
	t      *testing.T
	gate   *gate
	rand   *rand.Rand
	now    time.Duration
	ends   time.Duration // of the hash under way
	logins map[*attempt]*login
	hashes []hashed
}

// login is an attempt and what became of it. The password "right" is.
type login struct {
	account, address, password string
	came, at                   time.Duration
	busy, answered, ok         bool
}

type hashed struct {
	*login
	begin   time.Duration
	suspect bool
}

func newWorld(t *testing.T, l limits) *world {
	return &world{t: t, gate: newGate(l), rand: seeded(t), logins: make(map[*attempt]*login)}
}

// login makes an attempt at the present time.
func (w *world) login(account, address, password string) *login {
	var s secret
	l := &login{account: account, address: address, password: password, came: w.now}
	a := &attempt{
		account: s.key(sumAccount, []byte(account)), address: s.key(sumAddress, []byte(address)),
		pair: s.key(sumPair, []byte(account), []byte(address)), proof: s.sum(sumProof, []byte(account), []byte(password)),
		phc: "$" + account, password: []byte(password),
	}
	a.done = func(ok bool) {
		if l.answered {
			w.t.Fatalf("%+v is answered twice", l)
		}
		l.answered, l.ok, l.at = true, ok, w.now
	}
	w.logins[a] = l
	if l.busy = w.gate.arrive(w.now, a) != nil; l.busy {
		delete(w.logins, a)
	}
	return l
}

// run lets time pass until end.
func (w *world) run(end time.Duration) {
	for {
		w.turn()
		next := w.gate.next(w.now)
		if w.gate.hashing != nil {
			next = min(next, w.ends)
		}
		if next > end {
			w.now = end
			return
		}
		w.now = max(w.now, next)
		if w.gate.hashing != nil && w.now >= w.ends {
			w.gate.judged(w.now, w.logins[w.gate.hashing].password == "right")
		}
	}
}

func (w *world) turn() {
	if a := w.gate.turn(w.now, w.rand.IntN); a != nil {
		w.ends = w.now + hashTime
		w.hashes = append(w.hashes, hashed{w.logins[a], w.now, a.state == stateSuspect})
	}
	for _, a := range w.gate.takeAnswers() {
		a.done(a.ok)
	}
}

// fail makes five wrong logins, one after the other.
func (w *world) fail(account, address string) {
	w.t.Helper()
	for range freshWrongMax {
		l := w.login(account, address, "wrong")
		if w.run(w.now + hashTime); !l.answered || l.ok {
			w.t.Fatalf("a wrong password of a fresh pair is not answered by its hash: %+v", l)
		}
	}
}

func TestSuspectAnswersSayNothing(t *testing.T) {
	w := newWorld(t, defaultLimits)
	w.fail("ann", "1.1.1.1")
	var all []*login
	for i := range 50 {
		all = append(all, w.login("ann", "1.1.1.1", fmt.Sprint(i)))
		w.run(w.now + 10*time.Millisecond)
	}
	before := len(w.hashes)
	w.run(w.now + 3*time.Second)
	for _, l := range all {
		if took := l.at - l.came; l.ok || took < suspectWait || took > suspectWait+3*hashTime {
			t.Fatalf("answered %v after %v, want a refusal after little more than %v", l.ok, took, suspectWait)
		}
	}
	c := w.gate.count()
	if made := len(w.hashes) - freshWrongMax; made < 2 || made > 4 || c.Delayed != 50 || c.Wrong != uint64(len(w.hashes)) {
		t.Fatalf("%d hashes of suspects (%d in the first half second), counters %+v", made, before-freshWrongMax, c)
	}
}

func TestOthersAreNotDelayed(t *testing.T) {
	w := newWorld(t, defaultLimits)
	w.fail("ann", "1.1.1.1")
	for range 200 {
		w.login("ann", "1.1.1.1", "wrong")
	}
	for _, l := range []*login{w.login("ann", "2.2.2.2", "wrong"), w.login("bob", "1.1.1.1", "wrong")} {
		if w.run(w.now + 4*hashTime); !l.answered || l.ok {
			t.Fatalf("another pair waits: %+v", l)
		}
	}
}

func TestRightForgives(t *testing.T) {
	w := newWorld(t, defaultLimits)
	w.fail("ann", "1.1.1.1")
	l := w.login("ann", "1.1.1.1", "right")
	if w.run(w.now + hashTime); !l.ok {
		t.Fatalf("the owner, alone in a suspect pair, is not hashed at once: %+v", l)
	}
	if len(w.gate.byKey) != 0 {
		t.Fatal("a forgiven pair keeps its place")
	}
	w.fail("ann", "1.1.1.1")
}

func TestWrongOnesAreForgottenWithTime(t *testing.T) {
	w := newWorld(t, defaultLimits)
	w.fail("ann", "1.1.1.1")
	w.run(w.now + 2*wrongHalfLife)
	for range 3 {
		l := w.login("ann", "1.1.1.1", "wrong")
		if w.run(w.now + hashTime); !l.answered {
			t.Fatalf("still delayed after two half-lives: %+v", l)
		}
	}
}

func TestRemembered(t *testing.T) {
	w := newWorld(t, defaultLimits)
	f := func(what, account, address, password string, hashes int, ok bool) {
		t.Helper()
		before, l := len(w.hashes), w.login(account, address, password)
		if w.run(w.now + 2*time.Second); l.ok != ok || len(w.hashes)-before != hashes {
			t.Errorf("%s: %v with %d hashes, want %v with %d", what, l.ok, len(w.hashes)-before, ok, hashes)
		}
		if hashes > 0 && l.at < l.came+hashTime {
			t.Errorf("%s: answered after %v", what, l.at-l.came)
		}
	}
	f("the first time", "ann", "1", "right", 1, true)
	f("again", "ann", "1", "right", 0, true)
	f("from elsewhere", "ann", "2", "right", 0, true)
	f("another account", "bob", "1", "right", 1, true)
	f("a wrong one of a remembered account", "ann", "1", "wrong", 1, false)
	for range freshWrongMax - 1 {
		w.login("ann", "1", "wrong")
		w.run(w.now + hashTime)
	}
	f("while its pair is suspect", "ann", "1", "right", 0, true)
	// It forgives nothing: the owner does not need that, and another one at its address must not have it.
	if l := w.login("ann", "1", "wrong"); !l.busy {
		if w.run(w.now + hashTime); l.answered {
			t.Errorf("a remembered login forgave the wrong ones: %+v", l)
		}
	}
	w.run(w.now + rememberedFor)
	f("too long ago", "ann", "1", "right", 1, true)
}

// TestManyRightOnesTakeOneHash is a service that starts with many connections.
func TestManyRightOnesTakeOneHash(t *testing.T) {
	w := newWorld(t, defaultLimits)
	var all []*login
	for range 200 {
		all = append(all, w.login("ann", "1", "right"))
	}
	w.run(time.Second)
	for _, l := range all {
		if !l.ok || l.at != hashTime {
			t.Fatalf("not answered with the first: %+v", l)
		}
	}
	if len(w.hashes) != 1 {
		t.Fatalf("%d hashes", len(w.hashes))
	}
}

// TestManyAccountsOfOneAddressAreServed is a machine with more services than an address has pairs.
func TestManyAccountsOfOneAddressAreServed(t *testing.T) {
	w := newWorld(t, defaultLimits)
	for i := range 3 * addressPairsMax {
		l := w.login(fmt.Sprint(i), "1", "right")
		defer func() {
			if !l.ok {
				t.Errorf("refused: %+v", l)
			}
		}()
	}
	w.run(time.Minute)
}

func TestMadeUpAccountsStayInTheirPlace(t *testing.T) {
	w := newWorld(t, limits{waiting: 20, crowd: 20, crowdFree: 20, throng: 20, addressWaiting: 20, addressSuspect: 20, pairs: 30, addressPairs: 8, remembered: 4})
	w.fail("ann", "1.1.1.1")
	for i := range 1000 {
		w.login(fmt.Sprint(i), "6.6.6.6", "wrong")
		w.run(w.now + 5*time.Millisecond)
	}
	w.run(w.now + 2*suspectWait)
	l := w.login("ann", "1.1.1.1", "wrong")
	if w.run(w.now + hashTime); l.answered {
		t.Error("the flood pushed out the pair of another address")
	}
	fresh := 0
	for _, h := range w.hashes {
		if h.address == "6.6.6.6" && !h.suspect {
			fresh++
		}
	}
	if most := (8 + 1) * freshWrongMax; fresh > most {
		t.Errorf("%d hashes without delay for one address, want %d at most", fresh, most)
	}
}

// TestUnderFloods floods a gate with 200 wrong logins a second, each time in another shape, and holds it to what it
// promises.
func TestUnderFloods(t *testing.T) {
	f := func(name string, addresses, accounts int) {
		known := 5 + addresses*3/45 // seconds until every address has had a hash: before, nobody can tell them from others
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, defaultLimits)
			var clean []*login
			for i := range 60 * 200 {
				w.login(fmt.Sprint("x", w.rand.IntN(accounts)), fmt.Sprint("bad", w.rand.IntN(addresses)), fmt.Sprint(i))
				if i > known*200 && w.rand.IntN(200) == 0 {
					clean = append(clean, w.login(fmt.Sprint("x", i), fmt.Sprint("good", i), "right"))
				}
				w.run(w.now + 5*time.Millisecond)
			}
			w.run(w.now + time.Minute)
			slowest := time.Duration(0)
			for _, l := range clean {
				slowest = max(slowest, l.at-l.came)
				if l.busy || !l.ok || l.at-l.came > 2*time.Second {
					t.Errorf("a right login from a clean address: %+v", l)
				}
			}
			suspects := w.checkRates()
			t.Logf("%d of %d hashes for suspects; slowest of %d right logins %v; %+v", suspects, len(w.hashes), len(clean), slowest, w.gate.count())
			if w.gate.count().Waiting != 0 {
				t.Errorf("%d left without an answer", w.gate.count().Waiting)
			}
		})
	}
	f("one pair", 1, 1)
	f("one address", 1, 100_000)
	f("one account", 20, 1)
	f("twenty addresses", 20, 100_000)
	f("many addresses, few accounts", 500, 3)
}

// checkRates holds the hashes of suspects against their two limits.
func (w *world) checkRates() (suspects int) {
	w.t.Helper()
	last, lastOf := -time.Hour, make(map[string]time.Duration)
	for _, h := range w.hashes {
		if !h.suspect {
			continue
		}
		if suspects++; h.begin-last < (1+suspectRest)*hashTime {
			w.t.Fatalf("hashes for suspects at %v and %v: more than a tenth of the time", last, h.begin)
		}
		last = h.begin
		pair := h.account + "@" + h.address
		if before, ok := lastOf[pair]; ok && h.begin-before < suspectHashEvery {
			w.t.Fatalf("%s has hashes at %v and %v", pair, before, h.begin)
		}
		lastOf[pair] = h.begin
	}
	return suspects
}

// TestOwnerBesideAnAttackerGetsItsChance: at the attacker's address, with the attacked account.
func TestOwnerBesideAnAttackerGetsItsChance(t *testing.T) {
	w := newWorld(t, defaultLimits)
	w.fail("ann", "1")
	for tries := 1; ; tries++ {
		l := w.login("ann", "1", "right")
		for range 10 {
			w.login("ann", "1", "wrong")
			w.run(w.now + 120*time.Millisecond)
		}
		if l.ok {
			t.Logf("at try %d, after %v", tries, w.now)
			return
		}
		if tries == 500 {
			t.Fatal("500 tries in vain")
		}
	}
}

// TestOneAccountDoesNotForgiveOthers: an address has used its pairs up, and its further accounts share one.
func TestOneAccountDoesNotForgiveOthers(t *testing.T) {
	w := newWorld(t, limits{waiting: 20, crowd: 20, crowdFree: 20, throng: 20, addressWaiting: 20, addressSuspect: 20, pairs: 30, addressPairs: 2, remembered: 4})
	for i := range 2 + freshWrongMax {
		w.login(fmt.Sprint("x", i), "1", "wrong")
		w.run(w.now + hashTime)
	}
	own := w.login("own", "1", "right")
	w.run(w.now + hashTime)
	l := w.login("y", "1", "wrong")
	if w.run(w.now + hashTime); !own.ok || l.answered {
		t.Errorf("a right password of one account freed the guesses at others: %+v, then %+v", own, l)
	}
}

// TestTablesStayBounded churns through more of everything than there is room for.
func TestTablesStayBounded(t *testing.T) {
	l := limits{waiting: 10, crowd: 8, crowdFree: 2, throng: 9, addressWaiting: 6, addressSuspect: 4, pairs: 13, addressPairs: 3, remembered: 4}
	w := newWorld(t, l)
	var most Counters
	for range 20_000 {
		password := "wrong"
		if w.rand.IntN(3) == 0 {
			password = "right"
		}
		w.login(fmt.Sprint(w.rand.IntN(40)), fmt.Sprint(w.rand.IntN(40)), password)
		w.run(w.now + time.Duration(w.rand.IntN(30))*time.Millisecond)
		c := w.gate.count()
		most.Waiting, most.Pairs, most.Known = max(most.Waiting, c.Waiting), max(most.Pairs, c.Pairs), max(most.Known, c.Known)
		if w.gate.invariants(); len(w.gate.addresses) > l.pairs+l.waiting+1 {
			t.Fatalf("%d addresses", len(w.gate.addresses))
		}
	}
	if most.Waiting != l.waiting || most.Pairs != l.pairs || most.Known != l.remembered {
		t.Errorf("at most %d waited in %d pairs, %d were remembered; want every bound met, and none passed: %+v", most.Waiting, most.Pairs, most.Known, l)
	}
	if w.run(w.now + time.Hour); w.gate.count().Waiting != 0 {
		t.Errorf("%d left without an answer", w.gate.count().Waiting)
	}
}
