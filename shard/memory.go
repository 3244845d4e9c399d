package shard

import (
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// memoryLines divide the memory outside the heap, so that nothing starves what it waits for. What a shard keeps, tails and
// journals, has a line for each shard: one that is idle must not starve one that is busy.
type memoryLines struct {
	tail, journal     []*uring.Line
	read, recv, reply *uring.Line
}

const (
	defaultMemory  = 512 << 20
	memoryPerShard = 64 << 20 // at least
	frameRoom      = 3 << 20  // of a line beside the largest frame: the piece of memory its head is in, and what its size is rounded up by
	dedupShare     = 8        // part of the budget, beside it, that the windows of deduplication may take on the heap
	journalMemory  = 4        // a shard's journal takes at most this part of its memory: recovery then keeps what it has looked at
)

// The lines in percent of the budget. The line for reads holds the largest request that the one for requests takes, so what was
// admitted, by this build or one before it with as much memory, can be read.
const (
	recvPercent    = 20 // bodies being received
	readPercent    = 22 // reads from disk, on their way and being sent
	replyPercent   = 8
	journalPercent = 15 // divided among the shards
	tailPercent    = 35 // likewise
	loginPercent   = 5  // of all, within recvPercent: for connections before login

	_ = uint(100 - recvPercent - readPercent - replyPercent - journalPercent - tailPercent) // no more than there is
	_ = uint(readPercent - recvPercent)
)

// readRoom is what a poll may need of the line for reads beside the largest batch: large buffers are rounded up.
const readRoom = 512 << 10

// budgetMemory makes the lines. It divides descriptors as well.
func (b *Broker) budgetMemory() error {
	total := b.cfg.MemoryBudget
	if total == 0 {
		total = max(defaultMemory, int64(len(b.cfg.CPUs))*memoryPerShard)
	}
	if least := int64(len(b.cfg.CPUs)) * memoryPerShard; total < least {
		return fmt.Errorf("memory budget of %d MiB is too small for %d shards: give at least %d MiB or fewer shards",
			total>>20, len(b.cfg.CPUs), least>>20)
	}
	b.budget = uring.NewBudget(total)
	shards := int64(len(b.cfg.CPUs))
	part := func(name string, percent int64) *uring.Line { return b.budget.Line(name, total/100*percent) }
	b.lines = memoryLines{recv: part("requests", recvPercent), read: part("reads", readPercent), reply: part("replies", replyPercent)}
	for i := range shards {
		b.lines.tail = append(b.lines.tail, b.budget.Line(fmt.Sprintf("tails of shard %d", i), total/100*tailPercent/shards))
		b.lines.journal = append(b.lines.journal, b.budget.Line(fmt.Sprintf("journals of shard %d", i), total/100*journalPercent/shards))
	}
	if most := b.lines.frameMost(); b.cfg.FrameBytesMax > most {
		b.lessThanAsked(b.cfg.FrameBytesMax != defaultFrameBytesMax, fmt.Sprintf("requests of at most %s are taken, and not frame_size_max = %s: memory has no room for a larger one; raise memory to %s, or lower frame_size_max to %s",
			mebibytes(int64(most)), mebibytes(int64(b.cfg.FrameBytesMax)), mebibytes(memoryForFrames(int64(b.cfg.FrameBytesMax), shards)), mebibytes(int64(most))), event("frame_size_less"),
			zap.Int("taken", most), zap.Int("frame_size_max", b.cfg.FrameBytesMax))
		b.cfg.FrameBytesMax = most
	}
	if err := b.lines.check(b.cfg.FrameBytesMax); err != nil {
		return err
	}
	b.strangersMax = int(total / 100 * loginPercent / shards)
	return b.divideDescriptors()
}

// frameMost is the largest request for which every line that it passes through has room.
func (m *memoryLines) frameMost() int {
	return int(min(m.recv.Max(), m.tail[0].Max(), m.read.Max())) - frameRoom
}

// check reports a line in which the largest request, or the largest reply, does not fit: whatever is admitted must be able to be read.
func (m *memoryLines) check(frame int) error {
	for _, u := range []struct {
		line *uring.Line
		need int64
	}{
		{m.recv, int64(frame) + frameRoom},
		{m.tail[0], int64(frame) + frameRoom},
		{m.read, int64(frame) + readRoom},
		{m.read, pollBytesMax + storage.ReadRoom + readRoom},
		{m.reply, headsKept*headBytes + storage.BlockSize},
	} {
		if u.line.Max() < u.need {
			return fmt.Errorf("memory for %s is %d bytes, and a request of %d bytes needs %d: raise memory, or lower frame_size_max", u.line.Name(), u.line.Max(), frame, u.need)
		}
	}
	return nil
}

// lessThanAsked says that a setting does not hold in full: as a warning if somebody asked for it, and else for information.
func (b *Broker) lessThanAsked(asked bool, text, event string, fields ...zap.Field) {
	level := zap.InfoLevel
	if asked {
		level = zap.WarnLevel
	}
	b.log.Log(level, text, append([]zap.Field{zap.String("event", event)}, fields...)...)
}

// mebibytes writes a size as people read it in messages.
func mebibytes(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d.%d MiB", n>>20, n%(1<<20)*10>>20)
}

// memoryForFrames is the memory, in whole MiB, of which every line has room for frames of that size.
func memoryForFrames(frame, shards int64) int64 {
	need := max((frame+frameRoom)*100/recvPercent, (frame+frameRoom)*100*shards/tailPercent)
	return (need>>20 + 2) << 20
}

// FrameBytesMax is the largest request that is taken: smaller than was asked for, when memory has no room for that.
func (b *Broker) FrameBytesMax() int { return b.cfg.FrameBytesMax }

// reserve is memory beside the budget for what all else waits for, and which must not wait for others: a lap of the journal when
// groups that wait for it have the journal's line, and a piece of the metadata's snapshot. It is at most a little more than a
// file of the journal, and given back when it is written.
func (s *Shard) reserve(fileBytes int64) *uring.Pool {
	const pieces = 4 << 20 // pools map two MiB at a time
	n := fileBytes + pieces
	return s.pool(uring.NewBudget(n).Line(fmt.Sprintf("reserve of shard %d", s.id), n))
}

// pool makes a pool of this shard.
func (s *Shard) pool(line *uring.Line) *uring.Pool {
	p := uring.NewPool(line)
	s.pools = append(s.pools, p)
	return p
}

// limitsFor is what batches may be, given what frames may be.
func limitsFor(frameMax int) batch.Limits {
	l := batch.DefaultLimits()
	l.LengthMax = min(l.LengthMax, frameMax-newer.headBytes)
	return l
}

// readMemory is what a shard reads into. The line is one for all shards: a shard that finds too little left claims it, and the
// others take nothing until it has what it waits for, so that a large batch is read however busy they are.
type readMemory struct {
	*uring.Pool
	claim *atomic.Int32 // number of the shard that waits, from 1 on; 0: none does
	shard int32
}

// Get returns a buffer of n bytes, or nil: then the store waits and asks again.
func (m *readMemory) Get(n int) []byte {
	if by := m.claim.Load(); by != 0 && by != m.shard {
		m.Pool.Drop() // what is only kept for later may be what the other waits for
		return nil
	}
	buf := m.Pool.Get(n)
	if buf == nil {
		m.claim.CompareAndSwap(0, m.shard)
	} else {
		m.claim.CompareAndSwap(m.shard, 0)
	}
	return buf
}

// forgoReads ends the claim of a shard where nothing waits any more: who asked is gone, or was answered with what there was.
func (s *Shard) forgoReads() {
	if own := int32(s.id) + 1; s.b.readClaim.Load() == own && !s.store.ReadsWait() {
		s.b.readClaim.CompareAndSwap(own, 0)
	}
}
