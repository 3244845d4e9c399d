package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/zeebo/xxh3"
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// World is a broker with its clients, made of one seed: the same seed and number of steps give the same run to the byte, and the same Hash.
type World struct {
	seed   uint64
	rng    *rand.Rand
	disk   *Disk
	broker *Broker
	model  model
	actors []*actor
	silent []silent
	hash   *xxh3.Hasher
	hasher batch.Hasher

	odds       odds
	cow        string // files that are copied when they are overwritten, on a disk that is full at times; empty: it never is
	rude       int    // the larger, the rarer clients misbehave
	deletes    int    // likewise topics are deleted
	big        int    // likewise messages are large
	large      int    // of such messages one in so many has from largeMin to largeMax bytes
	largeMin   int
	largeMax   int
	fitted     bool // batches end with a block, or just short of its end
	streamMade bool
	steps      int
	got        int             // bytes that clients have read
	shown      map[uint64]bool // offsets that polls have shown, while something is verified; else nil
}

// odds are how often what clients do not do happens to a world, of 20,000 steps.
type odds struct {
	kills, cuts, stops int
	jumps              int // of the clocks
	full               int // the disk gets full, or is so no more
	missing            int // of 100 starts: without one of the journals, which has to be refused
}

// silent is a connection whose client has fallen silent; the kernel resets it then.
type silent struct {
	sock *Socket
	at   time.Time
}

// Result is what a run was.
type Result struct {
	Steps  int
	Turns  int
	Asked  int // the most operations that one turn asked for
	Hash   uint64
	Counts Counts
}

// Run makes a world of the seed and lets that many steps pass, then ends the broker in order, starts it again and verifies everything.
// An error is a fault of the broker; a panic too.
func Run(seed uint64, steps int, log *zap.Logger) (Result, error) {
	w := newWorld(seed, log)
	return w.result(w.run(steps))
}

// result is what became of a world that has ended.
func (w *World) result(err error) (Result, error) {
	if w.broker.Runs() {
		w.broker.Kill()
	}
	r := Result{Steps: w.steps, Turns: w.broker.Turns, Asked: w.broker.Asked, Hash: w.hash.Sum64(), Counts: w.model.counts}
	if err != nil {
		err = fmt.Errorf("seed %d, step %d: %w", w.seed, w.steps, err)
	}
	return r, err
}

func newWorld(seed uint64, log *zap.Logger) *World {
	w := &World{seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), disk: NewDisk(seed), hash: xxh3.New()}
	w.broker = NewBroker(w.rng, w.disk, log)
	w.rude, w.deletes, w.big = 1<<(5+w.rng.IntN(8)), 1<<(2+w.rng.IntN(7)), 1<<w.rng.IntN(10)
	w.large, w.largeMin, w.largeMax = 8, payloadMin, 600_000
	w.odds = odds{kills: 2, cuts: 2, stops: 1, jumps: 10, missing: 4}
	if w.rng.IntN(6) == 0 {
		w.odds.full, w.cow = 10, []string{".journal", ".segment", "."}[w.rng.IntN(3)]
	}
	levels := []metadata.Level{metadata.LevelPersisted, metadata.LevelPersisted, metadata.LevelWritten, metadata.LevelMemory}
	for i := range 1 + w.rng.IntN(5) {
		w.model.topics = append(w.model.topics, &topicModel{name: fmt.Sprintf("t%d", i), level: levels[w.rng.IntN(len(levels))], count: 1 + w.rng.IntN(4)})
	}
	if w.rng.IntN(8) == 0 {
		w.model.topics[0].count = wideTopic // when it goes, more logs do than are removed at a time
	}
	add := func(kind actorKind, n int) {
		for range n {
			w.actors = append(w.actors, &actor{w: w, id: uint32(len(w.actors) + 1), kind: kind, window: 1 + w.rng.IntN(4), messages: map[uint64]*sent{}})
		}
	}
	add(admin, 1)
	add(producer, 1+w.rng.IntN(6))
	add(consumer, 1+w.rng.IntN(4))
	add(groupMember, w.rng.IntN(5))
	return w
}

// size is how large the next message is.
func (w *World) size() int {
	switch {
	case w.rng.IntN(w.big) == 0 && w.rng.IntN(w.large) == 0:
		return w.largeMin + w.rng.IntN(w.largeMax-w.largeMin)
	case w.rng.IntN(10) == 0:
		return payloadMin + w.rng.IntN(20_000)
	}
	return payloadMin + w.rng.IntN(300)
}

func (w *World) trace(p []byte) { _, _ = w.hash.Write(p) }

func (w *World) run(steps int) error {
	for range steps {
		w.steps++
		if err := w.step(); err != nil {
			return err
		}
	}
	return w.end()
}

func (w *World) step() error {
	if !w.broker.Runs() {
		return w.start(true)
	}
	o := &w.odds
	n := w.rng.IntN(20_000)
	happens := func(odds int) bool {
		n -= odds
		return n < 0
	}
	switch {
	case happens(o.kills):
		w.kill()
	case happens(o.cuts):
		w.cut()
	case happens(o.stops):
		if err := w.stop(); err != nil {
			return err
		}
	case happens(o.jumps):
		w.broker.Advance(time.Duration(w.rng.IntN(int(90 * time.Second))))
	case happens(o.full):
		w.fill()
	case happens(4000):
		if err := w.actors[w.rng.IntN(len(w.actors))].step(); err != nil {
			return err
		}
	default:
		w.broker.Advance(time.Duration(w.rng.IntN(int(2 * time.Millisecond))))
		return w.turn()
	}
	w.wakeSilent()
	return nil
}

// removalsMax is of how many retired logs a shard removes files at a time: each has one operation in flight.
const removalsMax = 8

// wideTopic is how many partitions a topic has that is larger than others.
const wideTopic = 12 * removalsMax

func (w *World) turn() error {
	if err := w.broker.Turn(); err != nil {
		return err
	}
	for i := range w.broker.rings {
		if n := w.disk.removing(i, w.broker.dir+"/logs/"); n > removalsMax {
			return fmt.Errorf("shard %d removes the files of %d logs at a time", i, n)
		}
	}
	return nil
}

// fill makes the disk full, or lets it have room again.
func (w *World) fill() {
	w.disk.CopyOnWrite(w.cow)
	switch w.rng.IntN(4) {
	case 0, 1:
		w.disk.SetSpace(w.disk.Used() + int64(w.rng.IntN(600<<10)))
		w.model.counts.Filled++
	case 2:
		w.disk.SetSpace(1)
		w.model.counts.Filled++
	default:
		w.disk.SetSpace(0)
	}
}

// stop ends the broker in order. It is not asked to do that on a full disk.
func (w *World) stop() error {
	w.model.counts.Stops++
	w.drop()
	w.disk.SetSpace(0)
	if err := w.broker.Stop(200_000); err != nil {
		return err
	}
	w.model.lose(metadata.LevelMemory)
	return nil
}

func (w *World) wakeSilent() {
	for i := 0; i < len(w.silent); i++ {
		if s := w.silent[i]; s.at.Before(w.broker.now) || s.sock.Gone() {
			s.sock.Reset()
			w.silent = append(w.silent[:i], w.silent[i+1:]...)
			i--
		}
	}
}

func (w *World) kill() {
	w.model.counts.Kills++
	w.drop()
	w.broker.Kill()
	w.disk.SetSpace(0)
	w.model.lose(metadata.LevelWritten)
}

func (w *World) cut() {
	w.model.counts.Cuts++
	w.drop()
	w.broker.PowerCut()
	w.disk.SetSpace(0)
	w.model.lose(metadata.LevelPersisted)
}

// drop ends all connections for their clients.
func (w *World) drop() {
	for _, a := range w.actors {
		if a.sock != nil {
			a.leave()
		}
	}
	w.silent = nil
}

// start starts the broker, and may end it in the middle of the recovery.
func (w *World) start(mayCrash bool) (err error) {
	if w.broker.shards > 0 && w.rng.IntN(100) < w.odds.missing {
		if err := w.missing(); err != nil {
			return err
		}
	}
	shards := 1 + w.rng.IntN(4)
	if mayCrash && w.rng.IntN(4) == 0 {
		w.disk.CrashIn(1 + w.rng.IntN(200))
	}
	w.model.counts.Starts++
	defer func() {
		w.disk.CrashIn(0)
		p := recover()
		if p == nil {
			return
		}
		if _, is := p.(Crash); !is {
			panic(p)
		}
		w.model.counts.StartCrashes++
		if w.rng.IntN(2) == 0 {
			w.kill()
		} else {
			w.cut()
		}
	}()
	if err := w.broker.Start(shards); err != nil {
		return err
	}
	return w.broker.strangers()
}

// missing starts the broker without one of the journals of the last run, which held what was acknowledged.
func (w *World) missing() error {
	path := fmt.Sprintf("%s/journal/shard-%04d-%d.journal", w.broker.dir, w.rng.IntN(w.broker.shards), w.rng.IntN(2))
	putBack := w.disk.TakeAway(path)
	was := w.broker.shards
	err := w.broker.Start(1 + w.rng.IntN(4))
	if !errors.Is(err, storage.ErrDamaged) {
		return fmt.Errorf("a start without %s: %v", path, err)
	}
	w.disk.Kill()
	putBack()
	w.broker.shards = was
	w.model.counts.Missed++
	return nil
}

// seen checks the answer to a poll from an offset against the model, and notes what it shows.
func (w *World) seen(t *topicModel, l *life, part int, from uint64, count uint32, body []byte) error {
	first, n, err := w.delivered(t, l, part, count, body)
	if err == nil && n > 0 && first != from && t.level == metadata.LevelPersisted && !l.mayBeGone {
		return fmt.Errorf("a poll from %d of partition %d begins at %d", from, part, first)
	}
	return err
}

// delivered checks the messages of a poll.
func (w *World) delivered(t *topicModel, l *life, part int, count uint32, body []byte) (first uint64, n int, err error) {
	p, err := vsr.DecodePollMessagesReply(body)
	if err != nil {
		return 0, 0, err
	}
	w.model.counts.Polled++
	next := uint64(0)
	for rest := p.Batches; len(rest) > 0; {
		b, err := w.hasher.VerifySlice(rest)
		if err != nil {
			return 0, 0, fmt.Errorf("poll of partition %d: %w", part, err)
		}
		rest = rest[len(b):]
		for frames := b.Frames(); len(frames) > 0; n++ {
			var r batch.Record
			r, frames = batch.Next(frames)
			offset := uint64(b.BaseOffset()) + uint64(r.OffsetDelta())
			switch {
			case n == 0:
				first = offset
			case offset < next || offset > next && t.level == metadata.LevelPersisted:
				return 0, 0, fmt.Errorf("poll of partition %d: offset %d follows offset %d", part, offset, next-1)
			}
			next = offset + 1
			if err := w.message(l, part, offset, r.Payload()); err != nil {
				return 0, 0, err
			}
		}
	}
	if n != int(p.Count) || n > int(count) {
		return 0, 0, fmt.Errorf("poll of partition %d: %d messages, %d announced, %d asked for", part, n, p.Count, count)
	}
	w.model.counts.Delivered += n
	return first, n, nil
}

// message checks one message that a poll shows.
func (w *World) message(l *life, part int, offset uint64, payload []byte) error {
	if w.shown != nil {
		w.shown[offset] = true
	}
	life, in, k, err := readPayload(payload)
	if err != nil {
		return err
	}
	if int(k.client) > len(w.actors) || k.client == 0 {
		return fmt.Errorf("a message of client %d, who is nobody", k.client)
	}
	m := w.actors[k.client-1].messages[k.number]
	if m == nil || len(payload) != m.size || in != m.part {
		return fmt.Errorf("message %v at offset %d of partition %d was never sent so", k, offset, part)
	}
	if l.mayBeGone {
		return nil // it may be the next life that is polled
	}
	switch {
	case in != part:
		return fmt.Errorf("message %v is in partition %d, and was sent to %d", k, part, in)
	case m.fate == refused:
		return fmt.Errorf("message %v is at offset %d, and was refused", k, offset)
	case m.fate == stored && m.life != l:
		return fmt.Errorf("message %v of life %d is in life %d", k, m.life.number, l.number)
	case life > l.number:
		return fmt.Errorf("message %v was sent to life %d, and is in life %d", k, life, l.number)
	}
	return l.told(part, offset, k, m, "polled")
}

// end brings the broker to rest, and verifies what it has after a start.
func (w *World) end() error {
	w.disk.SetSpace(0)
	if w.broker.Runs() {
		if err := w.answers(); err != nil {
			return err
		}
	}
	w.drop()
	if w.broker.Runs() {
		if err := w.rest(); err != nil {
			return err
		}
		if err := w.stop(); err != nil {
			return err
		}
	}
	if err := w.start(false); err != nil {
		return err
	}
	v := &actor{w: w, id: uint32(len(w.actors) + 1), kind: verifier, window: 1, messages: map[uint64]*sent{}}
	w.rude = 1 << 62
	for _, t := range w.model.topics {
		if err := w.verify(v, t); err != nil {
			return err
		}
	}
	v.sock.End()
	v.leave()
	if err := w.rest(); err != nil {
		return err
	}
	return w.broker.Stop(200_000)
}

// rest lets all connections go, and looks whether the broker has given everything back.
func (w *World) rest() error {
	for _, s := range w.broker.net.sockets {
		s.Reset()
	}
	for _, s := range w.broker.net.backlog {
		s.Reset()
	}
	for range 300_000 {
		if w.broker.idle() {
			return nil
		}
		w.broker.Advance(time.Duration(w.rng.IntN(int(50 * time.Millisecond))))
		if err := w.turn(); err != nil {
			return err
		}
	}
	return fmt.Errorf("the broker does not come to rest: %s", w.broker.held())
}

// answers has every request answered that was sent on a connection that lives.
func (w *World) answers() error {
	var failed error
	err := w.until(func() bool {
		for _, a := range w.actors {
			if a.sock == nil || len(a.waiting) == 0 {
				continue
			}
			if failed == nil {
				failed = a.read()
			}
			return failed != nil
		}
		return true
	})
	return errors.Join(err, failed)
}

var errNotAnswered = errors.New("a request is not answered")

// until runs the broker until done. As long as clients get bytes there is hope.
func (w *World) until(done func() bool) error {
	got := w.got
	for turns := 0; turns < 300_000; turns++ {
		if done() {
			return nil
		}
		if got != w.got {
			got, turns = w.got, 0
		}
		w.broker.Advance(time.Duration(w.rng.IntN(int(time.Millisecond))))
		if err := w.turn(); err != nil {
			return err
		}
	}
	return errNotAnswered
}
