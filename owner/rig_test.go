package owner

import (
	"testing"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// rig drives a room on a disk that does everything by the next turn, but for what the test holds up, and keeps nothing. Shard 0 is its own.
type rig struct {
	t       testing.TB
	o       *Owner
	m       *metadata.Machine
	ops     []storage.Op
	slow    func(op *storage.Op) bool // these are not done yet; nil: none
	done    []*Part                   // that were answered in the last turn
	mono    int64
	user    metadata.Subject
	foreign map[metadata.LogID]bool // logs of other shards: they are not opened here
}

// pool gives the same buffers out again.
type pool struct{ free map[int][][]byte }

func (p *pool) Get(n int) []byte {
	k := len(p.free[n])
	if k == 0 {
		return make([]byte, n)
	}
	b := p.free[n][k-1]
	p.free[n] = p.free[n][:k-1]
	return b
}

func (p *pool) Put(b []byte) { p.free[len(b)] = append(p.free[len(b)], b) }

func newRig(t testing.TB, change func(c *Config)) *rig {
	mem, file := &pool{free: map[int][][]byte{}}, storage.JournalFile{Size: 64 << 20}
	cfg := Config{Shards: 2, PollHold: time.Second, ParkedMax: 8, RetentionInterval: time.Second,
		Store: storage.Config{FirstGroup: 1, Journal: [2]storage.JournalFile{file, file}, TailMemory: mem, JournalMemory: mem, ReadMemory: mem}}
	if change != nil {
		change(&cfg)
	}
	x := &rig{t: t, m: metadata.New(), mono: 1, foreign: map[metadata.LogID]bool{}}
	x.o = New(cfg, x.m)
	x.apply(metadata.EncodeCreateUser(nil, 1, metadata.CreateUser{Name: []byte("root"), PasswordPHC: "$h", Status: metadata.UserActive}))
	u, err := x.m.Accounts.User(metadata.ByName([]byte("root")))
	if err != nil {
		t.Fatal(err)
	}
	x.user = metadata.SubjectOf(u)
	x.apply(metadata.EncodeCreateStream(nil, 1, []byte("s")))
	return x
}

var nameOfStream = metadata.ByName([]byte("s"))

func named(name string) metadata.Ident { return metadata.ByName([]byte(name)) }

// apply gives a command to the metadata, and opens the logs that it makes.
func (x *rig) apply(command []byte) metadata.Result {
	x.t.Helper()
	res, err := x.m.Apply(x.m.Revision()+1, command)
	if err != nil {
		x.t.Fatal(err)
	}
	for i := range res.Created {
		if c := &res.Created[i]; !x.foreign[c.Log] {
			x.o.Open(c, nil)
		}
	}
	return res
}

// topic makes one, and returns it.
func (x *rig) topic(name string, partitions uint32, options ...metadata.Option) *metadata.Topic {
	x.t.Helper()
	x.apply(metadata.EncodeCreateTopic(nil, 1, metadata.CreateTopic{Stream: nameOfStream, Name: []byte(name), Partitions: partitions, Options: options}))
	t, err := x.m.Topic(nameOfStream, named(name))
	if err != nil {
		x.t.Fatal(err)
	}
	return t
}

// turn is one pass of a shard, after the given time: what was asked for is done, act runs, and all that is answered lies in done.
func (x *rig) turn(after time.Duration, act func()) {
	x.mono += int64(after)
	x.done = x.done[:0]
	x.o.Begin(uint64(x.mono/1000), x.mono)
	ops := x.ops
	x.ops = nil
	for i := range ops {
		op := &ops[i]
		switch {
		case x.slow != nil && x.slow(op):
			x.ops = append(x.ops, *op)
		case op.Kind == storage.OpList:
			x.o.Store().CompleteList(op.Token, nil, nil)
		default:
			x.o.Store().Complete(op.Token, int64(len(op.Buf)), nil)
		}
	}
	if act != nil {
		act()
	}
	x.o.Tend()
	x.drain()
	x.o.Store().End()
	x.drain()
	x.ops = append(x.ops, x.o.Store().TakeOps()...)
}

func (x *rig) drain() {
	for again := true; again; {
		for p := x.o.TakeAnswered(); p != nil; p = x.o.TakeAnswered() {
			x.done = append(x.done, p)
		}
		for x.o.TakeChanged() != nil {
		}
		again = x.o.Restart()
	}
}

// settle takes turns until nothing is in flight, and returns all parts that were answered.
func (x *rig) settle() (done []*Part) {
	for range 20 {
		x.turn(0, nil)
		done = append(done, x.done...)
	}
	return done
}

// part makes one for a partition.
func (x *rig) part(t *metadata.Topic, partition int, kind storage.RequestKind) *Part {
	p := &Part{Stream: t.Stream, Topic: t.ID, Partition: metadata.PartitionID(partition), Subject: x.user}
	p.Owner, p.Kind, p.Log = p, kind, storage.LogID(t.Partitions[partition].Log)
	return p
}

func (x *rig) poll(t *metadata.Topic, partition int, from uint64) *Part {
	p := x.part(t, partition, storage.ReqPoll)
	p.Strategy, p.Value, p.Count, p.BytesMax, p.Head = storage.FromOffset, from, 10, 1<<20, make([]byte, storage.HeadMin)
	return p
}

// send appends a batch of records, and returns when it is answered.
func (x *rig) send(t *metadata.Topic, partition, records int) {
	x.t.Helper()
	p := x.part(t, partition, storage.ReqAppend)
	p.Batch = x.batch(records)
	x.start(p)
	if p.Err != nil {
		x.t.Fatal(p.Err)
	}
}

func (x *rig) batch(records int) []byte {
	x.t.Helper()
	var b batch.Builder
	b.Reset(1)
	for i := range records {
		if err := b.Add([16]byte{1, byte(i)}, make([]byte, 100), nil); err != nil {
			x.t.Fatal(err)
		}
	}
	return b.Bytes()
}

// start gives a part to the room and takes turns until it is answered. What else is answered stays in done.
func (x *rig) start(p *Part) {
	x.t.Helper()
	var all []*Part
	for i := 0; ; i++ {
		x.turn(0, func() {
			if i == 0 {
				x.o.Start(p)
			}
		})
		all = append(all, x.done...)
		for _, d := range x.done {
			if d == p {
				x.done = all
				return
			}
		}
		if i == 20 {
			x.t.Fatalf("a request of kind %d is not answered", p.Kind)
		}
	}
}

// answered reports whether p came out in the last turn, or start.
func (x *rig) answered(p *Part) bool {
	for _, d := range x.done {
		if d == p {
			return true
		}
	}
	return false
}
