package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// accounts is what the broker was told of users and their tokens. One client changes them, one command after the other.
type accounts struct {
	slots []*accountSlot // the first is root, of which only tokens change
	made  int            // for names and passwords that were never used before
	gone  []string       // secrets of the last tokens that went
	round int            // verifications
	quick bool           // none tries passwords
	verifiedAccounts
}

type verifiedAccounts struct {
	users, tokens, logins uint64 // compared; logins that worked or were refused as they should
	flew, took            uint64 // commands that were in flight at the end, and those of them that took effect
}

// accountSlot is a place for users, which are made and deleted time and again.
type accountSlot struct {
	is     *account // nil: nobody
	flying bool     // a command was sent and not answered
	may    *account // what it makes of is
}

// account is a user. It does not change; commands make another one of it.
type account struct {
	steps         int // commands that made it
	id            uint32
	createdMicros uint64 // 0: neither this nor the id was told yet
	name          string
	password, old string // old must not work any more; empty: there was none
	inactive      bool
	rights        *wire.Permissions
	tokens        []accountToken // in order of creation
}

type accountToken struct {
	name   string
	secret string // empty: it was not told
	from   int64  // expires not before, microseconds; 0: never
	to     int64  // and not after
}

const (
	accountSlots = 7
	tokensMost   = 4 // of a user
	goneMost     = 12
)

func newAccounts() *accounts {
	a := &accounts{slots: []*accountSlot{{is: &account{name: "iggy", password: "iggy"}}}}
	for range accountSlots {
		a.slots = append(a.slots, &accountSlot{})
	}
	return a
}

// fresh is text that was not used before.
func (a *accounts) fresh(what string) string {
	a.made++
	return fmt.Sprintf("%s-%d", what, a.made)
}

// change sends the command that makes next of a slot's account. One that is refused makes nothing; what became of one that was
// not answered, the next start tells.
func (x *accountSlot) change(next *account, do func() error) error {
	if next != nil {
		next.steps = x.is.step() + 1
	}
	x.flying, x.may = true, next
	err := do()
	var status wire.Status
	switch {
	case err == nil:
		x.is, x.flying, x.may = x.may, false, nil
	case errors.As(err, &status):
		x.flying, x.may = false, nil
	}
	return err
}

// with is a copy of u that f has changed.
func (u *account) with(f func(u *account)) *account {
	n := *u
	n.tokens = slices.Clone(u.tokens)
	f(&n)
	return &n
}

func (u *account) step() int {
	if u == nil {
		return 0
	}
	return u.steps
}

func (u *account) ident() wire.Identifier { return wire.Named(u.name) }

// register makes, changes and deletes users and tokens for as long as the load runs.
func (l *load) register(c *client.Client, rng *rand.Rand) error {
	for l.running() {
		a := l.h.accounts
		err := a.command(l.ctx, c, l.address, rng, a.slots[rng.IntN(accountSlots+1)])
		if err == nil && rng.IntN(2) == 0 {
			err = a.tryEnded(l.ctx, l.address)
		}
		if err != nil {
			return fmt.Errorf("users and tokens: %w", err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(8 * time.Millisecond))))
	}
	return nil
}

// command is one change of a slot. Those that have a password hashed are rare, for the time that takes.
func (a *accounts) command(ctx context.Context, c *client.Client, address string, rng *rand.Rand, x *accountSlot) error {
	u := x.is
	switch n := rng.IntN(20); {
	case u == nil:
		if n < 10 {
			return a.create(ctx, c, rng, x)
		}
		return nil
	case n < 10 && !u.inactive:
		return a.changeTokens(ctx, c, address, rng, x)
	case x == a.slots[0]:
		return nil
	case n < 12:
		name := a.fresh("renamed")
		return x.change(u.with(func(u *account) { u.name = name }), func() error {
			return c.UpdateUser(ctx, wire.UpdateUser{User: u.ident(), HasUsername: true, Username: []byte(name)})
		})
	case n < 15:
		status := wire.UserInactive
		if u.inactive {
			status = wire.UserActive
		}
		return x.change(u.with(func(u *account) { u.inactive = !u.inactive }), func() error {
			return c.UpdateUser(ctx, wire.UpdateUser{User: u.ident(), HasStatus: true, Status: status})
		})
	case n < 18:
		rights := someRights(rng)
		return x.change(u.with(func(u *account) { u.rights = rights }), func() error { return c.UpdatePermissions(ctx, u.ident(), rights) })
	case n < 19 && !u.inactive:
		password := a.fresh("password")
		return x.change(u.with(func(u *account) { u.old, u.password = u.password, password }), func() error {
			return c.ChangePassword(ctx, u.ident(), u.password, password)
		})
	}
	err := x.change(nil, func() error { return c.DeleteUser(ctx, u.ident()) })
	if err == nil {
		a.forget(u.tokens)
	}
	return err
}

func (a *accounts) create(ctx context.Context, c *client.Client, rng *rand.Rand, x *accountSlot) error {
	next := &account{name: a.fresh("user"), password: a.fresh("password"), rights: someRights(rng)}
	return x.change(next, func() error {
		d, err := c.CreateUser(ctx, next.name, next.password, next.rights)
		next.id, next.createdMicros = d.ID, d.CreatedAtMicros
		return err
	})
}

// changeTokens makes or deletes a token as the user itself.
func (a *accounts) changeTokens(ctx context.Context, c *client.Client, address string, rng *rand.Rand, x *accountSlot) error {
	u := x.is
	if x != a.slots[0] {
		var err error
		if c, err = u.login(ctx, address); err != nil {
			return fmt.Errorf("login of user %s: %w", u.name, err)
		}
		defer c.Close()
	}
	if k := len(u.tokens); k > 0 && (k == tokensMost || rng.IntN(3) == 0) {
		i := rng.IntN(k)
		err := x.change(u.with(func(u *account) { u.tokens = slices.Delete(u.tokens, i, i+1) }), func() error {
			return c.DeleteToken(ctx, u.tokens[i].name)
		})
		if errors.Is(err, wire.StatusResourceNotFound) && u.tokens[i].expired(time.Now()) { // removed for that
			x.is, err = u.with(func(u *account) { u.tokens = slices.Delete(u.tokens, i, i+1) }), nil
		}
		if err == nil {
			a.forget(u.tokens[i : i+1])
		}
		return err
	}
	expiry := []time.Duration{0, 0, time.Hour, time.Hour, 5 * time.Millisecond, time.Second}[rng.IntN(6)]
	t := accountToken{name: a.fresh("token")}
	if expiry > 0 {
		t.from, t.to = time.Now().Add(expiry-clockSlack).UnixMicro(), math.MaxInt64
	}
	next := u.with(func(u *account) { u.tokens = append(u.tokens, t) })
	return x.change(next, func() error {
		secret, err := c.CreateToken(ctx, t.name, uint64(expiry/time.Microsecond))
		made := &next.tokens[len(next.tokens)-1]
		if made.secret = secret; expiry > 0 && err == nil {
			made.to = time.Now().Add(expiry).UnixMicro()
		}
		return err
	})
}

// clockSlack is how much earlier than a request was sent the broker may have looked at its clock.
const clockSlack = time.Second

// expired reports whether the token may have ended at that time.
func (t *accountToken) expired(at time.Time) bool { return t.from != 0 && at.UnixMicro() >= t.from }

func (a *accounts) forget(tokens []accountToken) {
	for _, t := range tokens {
		if t.secret != "" {
			a.gone = append(a.gone, t.secret)
		}
	}
	if k := len(a.gone) - goneMost; k > 0 {
		a.gone = slices.Delete(a.gone, 0, k)
	}
}

// login opens a session of u, by a token if one of them will do: that takes no hash.
func (u *account) login(ctx context.Context, address string) (*client.Client, error) {
	c, err := client.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if secret := u.lasting(); secret != "" {
		_, err = c.LoginWithToken(ctx, secret)
	} else {
		_, err = c.Login(ctx, u.name, u.password)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// lasting is the secret of a token that is good for some time to come; empty: there is none.
func (u *account) lasting() string {
	for i := range u.tokens {
		if t := &u.tokens[i]; t.secret != "" && !t.expired(time.Now().Add(time.Minute)) {
			return t.secret
		}
	}
	return ""
}

// tryEnded tries a token that has expired for certain, whether or not it was removed by now.
func (a *accounts) tryEnded(ctx context.Context, address string) error {
	for _, x := range a.slots {
		if x.is == nil {
			continue
		}
		for i := range x.is.tokens {
			t := &x.is.tokens[i]
			if t.secret == "" || t.to == 0 || time.Now().UnixMicro() < t.to {
				continue
			}
			c, err := client.Dial(ctx, address)
			if err != nil {
				return err
			}
			defer c.Close()
			return a.refused(ctx, c, t.secret)
		}
	}
	return nil
}

func someRights(rng *rand.Rand) *wire.Permissions {
	if rng.IntN(4) == 0 {
		return nil
	}
	p := &wire.Permissions{Global: uint16(rng.IntN(1 << 10))}
	for id := range uint32(rng.IntN(3)) {
		s := wire.StreamPermissions{ID: id * 7, Rights: uint8(rng.IntN(1 << 6))}
		for id := range uint32(rng.IntN(3)) {
			s.Topics = append(s.Topics, wire.TopicPermissions{ID: id * 3, Rights: uint8(rng.IntN(1 << 4))})
		}
		p.Streams = append(p.Streams, s)
	}
	return p
}

// sameRights compares rights that were given with those found. Topics of the loop's own stream come and go, and the rights in them go along.
func sameRights(given, found *wire.Permissions) bool {
	if given == nil || found == nil {
		return given == found
	}
	const loops = 0 // the stream's number
	var left []wire.StreamPermissions
	for _, s := range given.Streams {
		i := slices.IndexFunc(found.Streams, func(f wire.StreamPermissions) bool { return f.ID == s.ID })
		if s.ID == loops {
			s.Topics = slices.DeleteFunc(slices.Clone(s.Topics), func(t wire.TopicPermissions) bool {
				return i < 0 || !slices.Contains(found.Streams[i].Topics, t)
			})
			if i < 0 && s.Rights == 0 {
				continue
			}
		}
		left = append(left, s)
	}
	return rightsText(&wire.Permissions{Global: given.Global, Streams: left}) == rightsText(found)
}

func rightsText(p *wire.Permissions) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("%+v", *p)
}

// verify compares users and tokens with the history, and settles the command that was in flight. c is root's.
func (a *accounts) verify(c *client.Client, address string) error {
	ctx := context.Background()
	list, err := c.GetUsers(ctx)
	if err != nil {
		return err
	}
	there := map[string]wire.User{}
	for _, u := range list {
		there[u.Username] = u
	}
	other, err := client.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer other.Close()
	checked := 1 + a.round%accountSlots // the one whose passwords are tried, for the time it takes
	a.round++
	for i, x := range a.slots {
		v := accountVerification{a: a, x: x, root: c, other: other, there: there, may: []*account{x.is}, passwords: i == checked && !a.quick}
		if x.flying {
			v.may = append(v.may, x.may)
		}
		if err := v.run(ctx); err != nil {
			return err
		}
	}
	for name := range there {
		return fmt.Errorf("user %s appeared", name)
	}
	for _, secret := range a.gone {
		if err := a.refused(ctx, other, secret); err != nil {
			return err
		}
	}
	return nil
}

// refused checks that nobody can log in with a token that is not there.
func (a *accounts) refused(ctx context.Context, c *client.Client, secret string) error {
	if _, err := c.LoginWithToken(ctx, secret); !errors.Is(err, wire.StatusInvalidPersonalAccessToken) {
		return fmt.Errorf("login with a token that was deleted or has expired: %w", cmp.Or(err, errors.New("it works")))
	}
	a.logins++
	return nil
}

// accountVerification is the comparison of one slot: of what may be, it leaves what is.
type accountVerification struct {
	a           *accounts
	x           *accountSlot
	root, other *client.Client
	there       map[string]wire.User // those not yet spoken for
	may         []*account
	passwords   bool
}

// only leaves what agrees with what was found.
func (v *accountVerification) only(found string, agrees func(u *account) bool) error {
	before := v.may
	v.may = nil
	for _, u := range before {
		if agrees(u) {
			v.may = append(v.may, u)
		}
	}
	if len(v.may) > 0 {
		return nil
	}
	var texts []string
	for _, u := range before {
		texts = append(texts, u.String())
	}
	return fmt.Errorf("found %s; what was told is: %s", found, strings.Join(texts, ", or: "))
}

func (u *account) String() string {
	if u == nil {
		return "no user"
	}
	var tokens []string
	for _, t := range u.tokens {
		tokens = append(tokens, fmt.Sprintf("%s (expires %d to %d)", t.name, t.from, t.to))
	}
	return fmt.Sprintf("user %s, id %d, made at %d, inactive %v, rights %s, tokens %q", u.name, u.id, u.createdMicros, u.inactive, rightsText(u.rights), tokens)
}

func (v *accountVerification) run(ctx context.Context) error {
	if err := v.settle(ctx); err != nil {
		return err
	}
	// What remains can't be told apart and so is the same.
	u := v.may[len(v.may)-1]
	if v.x.flying {
		v.a.flew++
		if u.step() != v.x.is.step() {
			v.a.took++
		}
		v.forgetMissing(v.x.is, u)
	}
	v.x.is, v.x.flying, v.x.may = u, false, nil
	if u == nil {
		return nil
	}
	v.a.users++
	for i := range u.tokens {
		if err := v.tryToken(ctx, u, &u.tokens[i]); err != nil {
			return fmt.Errorf("user %s, token %s: %w", u.name, u.tokens[i].name, err)
		}
	}
	if v.passwords && !u.inactive && u.old != "" {
		if works, err := v.works(ctx, u.name, u.old); works || err != nil {
			return fmt.Errorf("user %s: the password before the last works: %v, %w", u.name, works, err)
		}
	}
	return nil
}

// forgetMissing notes tokens that are gone with the command that was in flight.
func (v *accountVerification) forgetMissing(before, now *account) {
	if before == nil {
		return
	}
	for i, t := range before.tokens {
		if now == nil || !slices.ContainsFunc(now.tokens, func(o accountToken) bool { return o.name == t.name }) {
			v.a.forget(before.tokens[i : i+1])
		}
	}
}

// settle compares in the order of what it costs.
func (v *accountVerification) settle(ctx context.Context) error {
	w, found, err := v.find()
	if err != nil || !found {
		return err
	}
	d, err := v.root.GetUser(ctx, wire.Named(w.Username))
	if err != nil {
		return fmt.Errorf("user %s is listed, and: %w", w.Username, err)
	}
	if d.ID != w.ID || d.CreatedAtMicros != w.CreatedAtMicros || d.Status != w.Status {
		return fmt.Errorf("user %s is listed as %+v and described as %+v", w.Username, w, d.User)
	}
	if v.x != v.a.slots[0] {
		err = v.only(fmt.Sprintf("user %s with rights %s", w.Username, rightsText(d.Permissions)), func(u *account) bool {
			return sameRights(u.rights, d.Permissions)
		})
		if err != nil {
			return err
		}
	}
	for i, u := range v.may {
		v.may[i] = u.with(func(u *account) { u.id, u.createdMicros = w.ID, w.CreatedAtMicros })
	}
	if w.Status != wire.UserActive {
		return nil
	}
	differ := slices.ContainsFunc(v.may, func(u *account) bool { return u.password != v.may[0].password })
	if v.passwords || differ {
		if err := v.tryPasswords(ctx, w.Username); err != nil {
			return err
		}
	}
	return v.listTokens(ctx, w.Username)
}

// find compares the list of users.
func (v *accountVerification) find() (w wire.User, found bool, err error) {
	for _, u := range v.may {
		if u == nil {
			continue
		}
		if o, ok := v.there[u.name]; ok && (!found || o.ID == w.ID) {
			w, found = o, true
		} else if ok {
			return w, false, fmt.Errorf("users %s and %s are both there; it is one that was renamed", w.Username, o.Username)
		}
	}
	delete(v.there, w.Username)
	text := "no user"
	if found {
		text = fmt.Sprintf("user %+v", w)
	}
	return w, found, v.only(text, func(u *account) bool {
		if u == nil || !found {
			return u == nil && !found
		}
		return u.name == w.Username && u.inactive == (w.Status == wire.UserInactive) &&
			(u.createdMicros == 0 || u.id == w.ID && u.createdMicros == w.CreatedAtMicros)
	})
}

// tryPasswords leaves those whose password works.
func (v *accountVerification) tryPasswords(ctx context.Context, name string) error {
	works := map[string]bool{}
	for _, u := range v.may {
		if _, tried := works[u.password]; tried {
			continue
		}
		w, err := v.works(ctx, name, u.password)
		if err != nil {
			return fmt.Errorf("user %s: %w", name, err)
		}
		works[u.password] = w
	}
	return v.only(fmt.Sprintf("user %s whose password is none of those told (works: %v)", name, works), func(u *account) bool { return works[u.password] })
}

func (v *accountVerification) works(ctx context.Context, name, password string) (bool, error) {
	v.a.logins++
	switch _, err := v.other.Login(ctx, name, password); {
	case err == nil:
		return true, nil
	case errors.Is(err, wire.StatusInvalidCredentials):
		return false, nil
	default:
		return false, err
	}
}

// listTokens compares the list of tokens, as the user sees it.
func (v *accountVerification) listTokens(ctx context.Context, name string) error {
	as := v.root
	if v.x != v.a.slots[0] {
		if len(v.may) == 1 && len(v.may[0].tokens) == 0 && !v.passwords {
			return nil // that there is none a hash would have to show
		}
		if err := v.loginAs(ctx, name); err != nil {
			return err
		}
		as = v.other
	}
	list, err := as.GetTokens(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	agrees := func(u *account) bool {
		rest := list
		for i := range u.tokens {
			t := &u.tokens[i]
			if len(rest) > 0 && rest[0].Name == t.name && t.expires(rest[0].ExpiresAtMicros) {
				rest = rest[1:]
			} else if !t.expired(now) {
				return false
			}
		}
		return len(rest) == 0
	}
	if err := v.only(fmt.Sprintf("user %s with tokens %+v", name, list), agrees); err != nil {
		return err
	}
	for i, u := range v.may {
		v.may[i] = u.with(func(n *account) {
			n.tokens = nil
			for _, t := range u.tokens {
				at := slices.IndexFunc(list, func(w wire.Token) bool { return w.Name == t.name })
				if at < 0 { // has expired and was removed
					v.a.forget([]accountToken{t})
					continue
				}
				if t.from != 0 {
					t.from, t.to = int64(list[at].ExpiresAtMicros), int64(list[at].ExpiresAtMicros)
				}
				n.tokens = append(n.tokens, t)
			}
		})
	}
	v.a.tokens += uint64(len(list))
	return nil
}

// expires reports whether the token may expire then.
func (t *accountToken) expires(micros uint64) bool {
	return t.from == 0 && micros == 0 || t.from != 0 && int64(micros) >= t.from && int64(micros) <= t.to
}

// loginAs opens a session with whatever must work whichever of the rest is true.
func (v *accountVerification) loginAs(ctx context.Context, name string) error {
	for _, u := range v.may {
		secret := u.lasting()
		if secret == "" {
			continue
		}
		_, err := v.other.LoginWithToken(ctx, secret)
		if err == nil {
			return nil
		}
		everywhere := !slices.ContainsFunc(v.may, func(o *account) bool {
			return !slices.ContainsFunc(o.tokens, func(t accountToken) bool { return t.secret == secret })
		})
		if everywhere || !errors.Is(err, wire.StatusInvalidPersonalAccessToken) {
			return fmt.Errorf("user %s: login with a token that was told: %w", name, err)
		}
	}
	if _, err := v.other.Login(ctx, name, v.may[0].password); err != nil {
		return fmt.Errorf("login of user %s: %w", name, err)
	}
	v.a.logins++
	return nil
}

// tryToken logs in with a token, which must work as long as it and its user are good for it.
func (v *accountVerification) tryToken(ctx context.Context, u *account, t *accountToken) error {
	if t.secret == "" {
		return nil
	}
	begin := time.Now()
	reply, err := v.other.LoginWithToken(ctx, t.secret)
	v.a.logins++
	switch {
	case t.to != 0 && begin.UnixMicro() >= t.to:
		if !errors.Is(err, wire.StatusInvalidPersonalAccessToken) {
			return fmt.Errorf("has expired, and a login with it: %v", err)
		}
	case t.expired(time.Now()): // just now
	case u.inactive:
		if !errors.Is(err, wire.StatusUnauthenticated) { // refusals of a login have no reason nearer to it
			return fmt.Errorf("the user is inactive, and a login: %v", err)
		}
	case err != nil:
		return err
	case reply.UserID != u.id:
		return fmt.Errorf("is taken for user %d, belongs to %d", reply.UserID, u.id)
	}
	return nil
}
