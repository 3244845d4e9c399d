package auth

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// hashesMax is how many new hashes may be on their way: each delays the logins behind it.
const hashesMax = 8

// Guard stands between those who try passwords and a Hasher. A password found right is remembered; wrong ones slow down
// their account at their address and nobody else (docs/adr/0004-users-and-tokens.md). It decides nothing: gate does. Its
// methods may be called from any goroutine and take some microseconds.
type Guard struct {
	hasher *Hasher
	secret secret
	start  time.Time
	hashes atomic.Int32
	wake   chan struct{} // holds one: something happened
	ended  chan struct{}

	mu     sync.Mutex // never held while a password is hashed or an answer given
	gate   *gate
	closed bool
}

// NewGuard puts a Guard in front of a Hasher, which it owns from then on: Close ends both.
func NewGuard(h *Hasher) *Guard {
	g := &Guard{
		hasher: h, secret: newSecret(), start: time.Now(), gate: newGate(defaultLimits),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	go g.run()
	return g
}

// Verify has a password checked and returns at once. The account is what the client says, the address that of the
// client without port, phc the stored hash, empty for a user that does not exist: which is not seen from outside. done
// is called on the Guard's goroutine and must not block; the password is copied. ErrBusy: too many are waiting, of this
// address or at all; done will not be called. ErrClosed likewise.
func (g *Guard) Verify(account, address, phc string, password []byte, done func(ok bool)) error {
	a := g.attempt(account, address, phc, password)
	a.done = done
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	if err := g.gate.arrive(g.now(), a); err != nil {
		return err
	}
	g.kick()
	return nil
}

func (g *Guard) attempt(account, address, phc string, password []byte) *attempt {
	if len(password) > passwordBytesMax || len(phc) > phcBytesMax {
		phc, password = "", nil // no such password was ever hashed
	}
	name, from := []byte(account), []byte(network(address))
	return &attempt{
		account: g.secret.key(sumAccount, name), address: g.secret.key(sumAddress, from), pair: g.secret.key(sumPair, name, from),
		proof: g.secret.sum(sumProof, []byte(phc), password), phc: phc, password: clone(password),
	}
}

// network is what counts as one address: of IPv6 the first 64 bits, as one machine has all that are below.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// Hash has a password hashed and returns at once; done is called on the Hasher's goroutine and must not block. The
// password is copied. ErrBusy, ErrClosed, ErrPassword.
func (g *Guard) Hash(password []byte, done func(phc string, err error)) error {
	if g.hashes.Add(1) > hashesMax {
		g.hashes.Add(-1)
		return ErrBusy
	}
	err := g.hasher.SubmitHash(password, func(phc string, err error) {
		g.hashes.Add(-1)
		done(phc, err)
	})
	if err != nil {
		g.hashes.Add(-1)
	}
	return err
}

// Counters says what became of the attempts so far.
func (g *Guard) Counters() Counters {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gate.count()
}

// Close takes no more attempts, refuses those that wait, and closes the Hasher.
func (g *Guard) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.kick()
	<-g.ended
	g.hasher.Close()
}

func (g *Guard) now() time.Duration { return time.Since(g.start) }

func (g *Guard) kick() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// run is the Guard's goroutine: it gives the answers, and has one attempt at a time hashed.
func (g *Guard) run() {
	defer close(g.ended)
	timer := time.NewTimer(0)
	for {
		answers, next, closed := g.turn()
		for _, a := range answers {
			a.done(a.ok)
		}
		if closed {
			return
		}
		if timer.Stop(); next != forever {
			timer.Reset(next - g.now())
		}
		select {
		case <-g.wake:
		case <-timer.C:
		}
	}
}

func (g *Guard) turn() (answers []answer, next time.Duration, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		g.gate.refuse()
		return g.gate.takeAnswers(), forever, true
	}
	if a := g.gate.turn(g.now(), rand.IntN); a != nil {
		if err := g.hasher.Submit(Job{PHC: a.phc, Password: a.password}, g.judged); err != nil {
			g.gate.give()
		}
	}
	answers = g.gate.takeAnswers()
	return answers, g.gate.next(g.now()), false
}

// judged is called by the Hasher. After Close nobody waits for the result.
func (g *Guard) judged(ok bool) {
	g.mu.Lock()
	g.gate.judged(g.now(), ok)
	g.mu.Unlock()
	g.kick()
}
