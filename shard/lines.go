package shard

import (
	"fmt"

	"github.com/galgo-mq/galgo/uring"
)

// The lines in percent of the budget. The line for reads holds the largest request that the one for requests takes, so what was
// admitted, by this build or one before it with as much memory, can be read.
const (
	recvPercent    = 20 // requests being received
	aheadPercent   = 3  // within recvPercent, divided among the shards: bytes of requests before these have memory
	readPercent    = 22 // reads from disk, on their way and being sent
	replyPercent   = 8
	journalPercent = 15 // divided among the shards
	tailPercent    = 35 // likewise
	loginPercent   = 5  // of all, within recvPercent: for connections before login

	_ = uint(100 - recvPercent - readPercent - replyPercent - journalPercent - tailPercent) // no more than there is
	_ = uint(readPercent - recvPercent)
)

// dedupShare is the part of the budget, beside it, that the windows of deduplication may take on the heap.
const dedupShare = 8

// Divide makes the lines of a budget for that many shards.
func Divide(b *uring.Budget, shards int) Lines {
	total, n := b.Total(), int64(shards)
	part := func(name string, percent int64) *uring.Line { return b.Line(name, total/100*percent) }
	ahead := max(1, total/100*aheadPercent/n/poolSlab) * poolSlab
	l := Lines{Recv: b.Line("requests", total/100*recvPercent-n*ahead), Read: part("reads", readPercent), Reply: part("replies", replyPercent),
		Strangers: int(total / 100 * loginPercent / n), Dedup: total / dedupShare / n}
	for i := range shards {
		l.Ahead = append(l.Ahead, b.Line(fmt.Sprintf("beginnings of requests of shard %d", i), ahead))
		l.Tail = append(l.Tail, b.Line(fmt.Sprintf("tails of shard %d", i), total/100*tailPercent/n))
		l.Journal = append(l.Journal, b.Line(fmt.Sprintf("journals of shard %d", i), total/100*journalPercent/n))
	}
	return l
}

// MemoryForFrames is the memory, in whole MiB, of which every line has room for frames of that size.
func MemoryForFrames(frame, shards int64) int64 {
	recv := frame + recvRoom(shards)
	need := max(recv*100/(recvPercent-aheadPercent), (recv+shards*poolSlab)*100/recvPercent, (frame+FrameRoom)*100*shards/tailPercent)
	return (need>>20 + 2) << 20
}
