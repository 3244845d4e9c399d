package shard

import (
	"fmt"

	"github.com/galgo-mq/galgo/batch"
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
	frameRoom      = 1 << 20  // of a line beside the largest frame
	dedupShare     = 8        // part of the budget, beside it, that the windows of deduplication may take on the heap
	journalMemory  = 4        // a shard's journal takes at most this part of its memory: recovery reads all of them at once
)

// budgetMemory makes the lines: 40 % tails, 20 % bodies being received, 15 % journals, 15 % reads, 10 % replies.
// Of the bodies, a quarter is open to connections before login, divided among the shards. It divides descriptors as well.
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
	b.lines = memoryLines{recv: part("requests", 20), read: part("reads", 15), reply: part("replies", 10)}
	for i := range shards {
		b.lines.tail = append(b.lines.tail, b.budget.Line(fmt.Sprintf("tails of shard %d", i), total/100*40/shards))
		b.lines.journal = append(b.lines.journal, b.budget.Line(fmt.Sprintf("journals of shard %d", i), total/100*15/shards))
	}
	if most := int(min(total/100*20, total/100*40/shards)) - frameRoom; b.cfg.FrameBytesMax > most {
		b.log.Warn(fmt.Sprintf("requests of at most %d bytes are taken, and not frame_size_max = %d: memory has no room for a larger one; raise memory to %d MiB, or lower frame_size_max to %d",
			most, b.cfg.FrameBytesMax, memoryForFrames(int64(b.cfg.FrameBytesMax), shards)>>20, most))
		b.cfg.FrameBytesMax = most
	}
	b.strangersMax = int(total / 100 * 5 / shards)
	b.divideDescriptors()
	return nil
}

// memoryForFrames is the memory, in whole MiB, of which the lines for requests and for a shard's tails have room for frames of that size.
func memoryForFrames(frame, shards int64) int64 {
	need := max((frame+frameRoom)*5, (frame+frameRoom)*5*shards/2)
	return (need>>20 + 1) << 20
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
