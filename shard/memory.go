package shard

import (
	"fmt"
	"sync/atomic"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// Lines divide the memory outside the heap, so that nothing starves what it waits for. What a shard keeps, tails and
// journals, has a line for each shard: one that is idle must not starve one that is busy.
type Lines struct {
	Tail, Journal     []*uring.Line
	Read, Recv, Reply *uring.Line
	Ahead             []*uring.Line // for bytes of requests before these have memory
	Dedup             int64         // bytes of the heap that the windows of deduplication of a shard may take
	Strangers         int           // bytes of requests that connections before login may hold, per shard
}

// FrameRoom is what the lines for tails and reads have beside the largest frame: what its size is rounded up by, and the rest of a slab
// that something smaller has begun.
const FrameRoom = 3 << 20

// poolSlab is how much a pool maps at a time, for small buffers.
const poolSlab = 2 << 20

// recvRoom is what the line for requests has beside the largest frame: what its size is rounded up by, and a slab for the small requests of
// each shard.
func recvRoom(shards int64) int64 { return 256<<10 + shards*poolSlab }

// readRoom is what a poll may need of the line for reads beside the largest batch: large buffers are rounded up.
const readRoom = 512 << 10

// FrameMost is the largest request for which every line that it passes through has room.
func (m *Lines) FrameMost() int {
	return int(min(m.Recv.Max()-recvRoom(int64(len(m.Tail))), min(m.Tail[0].Max(), m.Read.Max())-FrameRoom))
}

// Check reports a line in which the largest request, or the largest reply, does not fit: whatever is admitted must be able to be read.
func (m *Lines) Check(frame int) error {
	for _, u := range []struct {
		line *uring.Line
		need int64
	}{
		{m.Recv, int64(frame) + recvRoom(int64(len(m.Tail)))},
		{m.Ahead[0], poolSlab},
		{m.Tail[0], int64(frame) + FrameRoom},
		{m.Read, int64(frame) + readRoom},
		{m.Read, call.PollBytesMax + storage.ReadRoom + readRoom},
		{m.Reply, front.TopsKept*front.TopBytes + storage.BlockSize},
	} {
		if u.line.Max() < u.need {
			return fmt.Errorf("memory for %s is %d bytes, and a request of %d bytes needs %d: raise memory, or lower frame_size_max", u.line.Name(), u.line.Max(), frame, u.need)
		}
	}
	return nil
}

// memory is what a shard has outside the heap.
type memory struct {
	lines     *Lines // of all shards
	own       shardID
	claim     *atomic.Int32 // of all shards, see readMemory
	frames    frameMemory
	replyPool *uring.Pool   // replies that do not fit into the memory of their exchange
	pools     []*uring.Pool // all of this shard, to be closed at the end
}

// pool makes a pool of this shard.
func (m *memory) pool(line *uring.Line) *uring.Pool {
	p := uring.NewPool(line)
	m.pools = append(m.pools, p)
	return p
}

// reserve is memory beside the budget for what all else waits for, and which must not wait for others: a lap of the journal when
// groups that wait for it have the journal's line, and a piece of the metadata's snapshot. It is at most a little more than a
// file of the journal, and given back when it is written.
func (m *memory) reserve(fileBytes int64) *uring.Pool {
	const pieces = 4 << 20 // pools map two MiB at a time
	n := fileBytes + pieces
	return m.pool(uring.NewBudget(n).Line(fmt.Sprintf("reserve of shard %d", m.own), n))
}

// reads is what this shard reads into.
func (m *memory) reads() *readMemory {
	return &readMemory{Pool: m.pool(m.lines.Read), claim: m.claim, shard: int32(m.own) + 1}
}

// lists is what each of so many shards may hold for lists; it has a slab for other replies.
func (m *memory) lists(shards int) int {
	n := int64(shards)
	slabs := m.lines.Reply.Max() / poolSlab
	return int(max(poolSlab, (slabs-n)*poolSlab/n))
}

// short reports whether what replies hold is nearly used up, or too little of it is left for a read that waits.
func (m *memory) short() bool {
	return m.lines.Tail[m.own].Short() || m.lines.Read.Short() || m.claim.Load() != 0
}

// kept reports whether a pool has memory to give back.
func (m *memory) kept() bool {
	for _, p := range m.pools {
		if p.Kept() {
			return true
		}
	}
	return false
}

// trim gives memory back that was not used.
func (m *memory) trim() {
	for _, p := range m.pools {
		p.Trim()
	}
}

// forgoReads ends the claim of this shard, where nothing waits any more: who asked is gone, or was answered with what there was.
func (m *memory) forgoReads() {
	if own := int32(m.own) + 1; m.claim.Load() == own {
		m.claim.CompareAndSwap(own, 0)
	}
}

// limitsFor is what batches may be, given what frames may be: a poll's reply with one batch is a frame of any dialect.
func limitsFor(frameMax int, spoken []front.Protocol) batch.Limits {
	head := 0
	for i := range spoken {
		if d := spoken[i].Dialect; d != nil {
			head = max(head, d.HeadBytes())
		}
	}
	l := batch.DefaultLimits()
	l.LengthMax = min(l.LengthMax, frameMax-head)
	return l
}

// frameMemory is what requests of a shard come into. The line is one for all shards, and each keeps what it has used for later. While frames
// of one wait for memory the others give up what they only keep. They take memory nevertheless: nobody is held up by who waits.
type frameMemory struct {
	pool    *uring.Pool
	waiting *atomic.Int32 // shards whose frames wait
	waits   bool          // this one is among them
	drop    int64         // when this one may give up what it keeps again: it costs to map it anew
}

// share says whether frames of this shard wait, and has it give up what it keeps if those of others do. now is monotonic.
func (m *frameMemory) share(waits bool, now int64) {
	others := m.waiting.Load()
	switch {
	case waits && !m.waits:
		m.waiting.Add(1)
	case !waits && m.waits:
		others = m.waiting.Add(-1)
	case waits:
		others--
	}
	if m.waits = waits; others > 0 && now >= m.drop && m.pool.Kept() {
		m.drop = now + int64(retryEvery)
		m.pool.Drop()
	}
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
