package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/peek"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// Broker is a whole broker in one goroutine: shards with their connections, stores, mailboxes and replicas of the metadata, over a Disk and a Net.
// Each turn of a shard is a call. It lives from Start to Stop, Kill or PowerCut, and then again on the same disk.
type Broker struct {
	rng  *rand.Rand
	disk *Disk
	net  *Net
	dir  string
	log  *zap.Logger

	now    time.Time
	posted []func() // answers of the password process, for a turn to come
	failed error    // of a journal

	group  *shard.Group
	rings  []*Ring
	rec    *storage.Recovered
	shards int // whose journals are needed; 0: not known, as a start did not get so far, or not all, as the last end was in order
	budget *uring.Budget
	space  shard.Space
	given  int // halves of the reserve that were given up
	lines  shard.Lines
	began  error
	ready  bool // clients are accepted
	Turns  int
	Asked  int // the most operations that one turn asked for

	Protocols []front.Protocol // that clients may speak
}

// Root is the first user of a simulated broker, and the password.
const (
	Root     = "iggy"
	Password = "secret"
)

const (
	simMemory  = 64 << 20 // per shard
	simJournal = 1 << 20  // bytes of one of the two journal files of a shard
	simFrame   = 4 << 20
)

// NewBroker makes one that does not run, on an empty disk.
func NewBroker(rng *rand.Rand, disk *Disk, log *zap.Logger) *Broker {
	b := &Broker{rng: rng, disk: disk, net: NewNet(rng), dir: "/data", log: log, now: time.Unix(1_700_000_000, 0),
		Protocols: []front.Protocol{{Name: "the dialect of the clients here", Recognise: peek.Is(peek.Today), Dialect: vsr.Dialect{}}}}
	if err := errors.Join(disk.Mkdir(b.dir), disk.SyncDir("/")); err != nil {
		panic(err)
	}
	return b
}

// Runs reports whether it runs.
func (b *Broker) Runs() bool { return b.group != nil }

// Advance moves the clocks on.
func (b *Broker) Advance(d time.Duration) { b.now = b.now.Add(d) }

// Start recovers the data directory with that many shards. A Crash of the disk passes through as a panic.
func (b *Broker) Start(shards int) error {
	b.shards = 0
	fd, err := b.disk.Open(b.dir+"/"+storage.SuperblockName, true, false)
	if err != nil {
		return err
	}
	cfg := b.config()
	total := int64(shards) * simMemory
	pool := uring.NewPool(uring.NewBudget(total).Line("recovery", total))
	defer pool.Close()
	var machine *metadata.Machine
	rc := storage.RecoverConfig{Dir: b.dir, Shards: shards, JournalBytes: simJournal, Now: uint64(b.now.UnixMicro()), Memory: pool, KeepBytes: total / 4,
		BootID: b.disk.BootID(), MountID: 1, Report: func(event string, id storage.LogID, err error) {
			b.log.Warn(event, zap.Uint64("log", uint64(id)), zap.Error(err))
		},
		Metadata: func(snapshot []byte, commands []storage.MetaCommand) (st storage.MetaState, err error) {
			machine, st, err = owner.Replay(snapshot, commands, cfg.Replicated)
			return st, err
		}}
	for i := range rc.Secret {
		rc.Secret[i] = byte(b.rng.Uint32())
	}
	if b.rec, err = storage.Recover(b.disk, fd, rc); err != nil {
		return err
	}
	b.shards = shards
	if machine, err = owner.Restore(b.rec.Meta.Snapshot); err != nil {
		return err
	}
	b.budget = uring.NewBudget(total)
	b.lines = shard.Divide(b.budget, shards)
	b.space, b.given = shard.Space{Notify: func() {}}, 0
	b.failed, b.began, b.ready, b.posted = nil, nil, false, nil
	b.group = shard.NewGroup(shards, cfg, &b.lines, &b.space, host{b}, b.log)
	b.rings = make([]*Ring, shards)
	for i, s := range b.group.Shards() {
		b.rings[i] = NewRing(b.rng, b.net, b.disk, i, b.rings, front.RecvBufs, front.RecvBufBytes)
		s.SetIO(b.rings[i])
	}
	b.group.Sessions(machine.SessionsReserved())
	owners := b.group.Place(b.rec.Logs)
	for _, s := range b.group.Shards() {
		if err := s.Adopt(b.rec, owners); err != nil {
			return err
		}
	}
	b.group.Shards()[0].Listen(ListenFD)
	first := shard.Beginning{Retired: b.rec.Retired, Highest: metadata.LogID(b.rec.HighestLog), Serve: true}
	if machine.Accounts.UserCount() == 0 {
		first.Root, first.RootPHC = Root, Password
	}
	b.group.Begin(first, func(err error) { b.began, b.ready = err, err == nil })
	return nil
}

// strangers looks whether all files of logs are those of logs that are there, or that are still to be removed.
func (b *Broker) strangers() error {
	known := map[string]bool{}
	for _, l := range b.rec.Logs {
		known[storage.LogDir(b.dir, l.ID)] = true
	}
	for _, id := range b.rec.Retired {
		known[storage.LogDir(b.dir, id)] = true
	}
	names, err := b.disk.List(b.dir + "/logs")
	for _, n := range names {
		if dir := b.dir + "/logs/" + n; !known[dir] {
			return fmt.Errorf("%s is of no log, and nobody will ever remove it", dir)
		}
	}
	return err
}

func (b *Broker) config() shard.Config {
	c := shard.Config{DataDir: b.dir, Replicated: metadata.LevelPersisted, WrittenLossBound: time.Second, FrameBytesMax: simFrame, ConnectionsMax: 200,
		RebalancingTimeout: 10 * time.Second, PollHold: time.Duration(b.rng.IntN(2)) * 100 * time.Millisecond, FilesMax: 8 + b.rng.IntN(64),
		HandshakeTimeout: 30 * time.Second, RequestTimeout: 30 * time.Second, SendTimeout: 30 * time.Second, ShutdownTimeout: time.Minute,
		RetentionInterval: time.Minute, TokenCleanerInterval: time.Minute, Hasher: hasher{b}, Version: "sim", Protocols: b.Protocols}
	c.Limits.Defaults(1, simFrame)
	return c
}

// Turn runs one turn of one shard, chosen by chance. An error is a fault of the broker.
func (b *Broker) Turn() error {
	for k := len(b.posted); k > 0 && b.rng.IntN(2) == 0; k-- {
		f := b.posted[0]
		b.posted = b.posted[1:]
		f()
	}
	i := b.rng.IntN(len(b.rings))
	b.turn(i)
	if b.space.Short.Load() && b.rng.IntN(100) == 0 {
		b.lookForRoom()
	}
	return b.fault()
}

// lookForRoom does what a server does while a journal is refused: it gives up half of the reserve, and the other half for what frees space, and
// makes it whole again when none is refused any more.
func (b *Broker) lookForRoom() {
	p, reserve := &b.space, &b.rec.Reserve
	refused := p.Refused.Load() > 0
	switch {
	case refused && b.given == 0:
		b.given = 1
		_ = reserve.Halve(b.disk)
		return
	case refused && b.given == 1 && p.Wanted.Load():
		b.given = 2
		_ = reserve.Free(b.disk)
		return
	case refused:
		return
	case b.given > 0:
		whole, err := reserve.Make(b.disk, NewMemory(1<<20))
		if !whole && err == nil {
			b.given = 1
			p.Wanted.Store(false)
			return
		}
	}
	b.given = 0
	p.Wanted.Store(false)
	p.Short.Store(p.Refused.Load() > 0)
}

func (b *Broker) turn(i int) {
	s := b.group.Shards()[i]
	if s.Ended() {
		return
	}
	s.Turn(false)
	b.Turns++
	b.Asked = max(b.Asked, b.rings[i].Asked)
}

func (b *Broker) fault() error {
	if b.failed != nil {
		return fmt.Errorf("a journal failed: %w", b.failed)
	}
	return b.began
}

// Stop ends the broker in order. What is in flight gets that many turns.
func (b *Broker) Stop(turns int) error {
	b.group.Stop()
	for range turns {
		if b.ended() {
			return b.noteEnd()
		}
		b.Advance(time.Duration(b.rng.IntN(int(20 * time.Millisecond))))
		if err := b.Turn(); err != nil {
			return err
		}
	}
	return fmt.Errorf("the broker does not end within %d turns", turns)
}

func (b *Broker) ended() bool {
	for _, s := range b.group.Shards() {
		if !s.Ended() {
			return false
		}
	}
	return true
}

// noteEnd does what a server does when its shards have ended in order.
func (b *Broker) noteEnd() error {
	var marks []storage.EndMark
	for _, s := range b.group.Shards() {
		if !s.Finished() {
			return errors.New("a shard has not finished its journal")
		}
		if m, known := s.EndedAt(); known {
			marks = append(marks, m)
		}
	}
	if len(marks) == len(b.rings) {
		if err := b.rec.NoteEnd(b.disk, NewMemory(1<<20), marks); err != nil {
			return err
		}
	}
	b.disk.Kill()
	b.leave()
	b.shards = 0
	return nil
}

// Kill ends the broker as kill -9 does.
func (b *Broker) Kill() {
	b.disk.Kill() // before the memory of what is in flight goes
	b.leave()
}

// PowerCut ends the broker and loses what was not on stable storage.
func (b *Broker) PowerCut() {
	b.disk.PowerCut()
	b.leave()
}

// leave forgets the broker's memory.
func (b *Broker) leave() {
	if b.group != nil {
		for _, s := range b.group.Shards() {
			s.ClosePools()
		}
	}
	b.group, b.rings, b.ready = nil, nil, false
	b.net.Drop()
}

// idle reports whether nothing is on its way and everything was given back.
func (b *Broker) idle() bool { return b.held() == "" }

// held says what the broker has of clients that have gone; empty: nothing.
func (b *Broker) held() string {
	if n := b.net.Open() + len(b.net.backlog); n > 0 {
		return fmt.Sprintf("%d connections are open", n)
	}
	if len(b.posted) > 0 || !b.ready {
		return "something is not answered"
	}
	for i, s := range b.group.Shards() {
		if n := b.rings[i].Held(); n > 0 {
			return fmt.Sprintf("shard %d has %d receive buffers", i, n)
		}
		if what := s.Held(); what != "" {
			return fmt.Sprintf("shard %d has %s", i, what)
		}
	}
	return ""
}

// host is what a server does for its shards, here.
type host struct{ b *Broker }

func (h host) Now() time.Time                  { return h.b.now }
func (h host) Since(t time.Time) time.Duration { return h.b.now.Sub(t) }
func (h host) Random(p []byte) {
	for i := range p {
		p[i] = byte(h.b.rng.Uint32())
	}
}
func (h host) Stats(_ *wire.Stats, done func())                                   { h.b.posted = append(h.b.posted, done) }
func (h host) Archive(wire.GetSnapshotFile, func(archive []byte, err error)) bool { return false }
func (h host) Failed(_ router.ShardID, err error)                                 { h.b.failed = err }

// hasher is the process that checks passwords: a hash is the password, and an answer takes its time.
type hasher struct{ b *Broker }

func (h hasher) Verify(a shard.Attempt, done func(ok bool)) error {
	right := a.PHC != "" && a.PHC == string(a.Password)
	h.b.posted = append(h.b.posted, func() { done(right) })
	return nil
}

func (h hasher) Hash(password []byte, done func(phc string, err error)) error {
	phc := string(password)
	h.b.posted = append(h.b.posted, func() { done(phc, nil) })
	return nil
}
