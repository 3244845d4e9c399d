package owner

import (
	"fmt"
	"slices"
	"time"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Logs that a committed command has retired are closed, some in each turn. A closed log takes nothing new. When nothing of it is in flight it is
// dropped, and its files are removed in the background:
//
//	Retire --> closing: ReqClose --answered, of each log--> dropped --files are gone--> Files.TakeGone
//	              '--all are, or there is no room for what is in flight--> TakeClosed

// closing is a command that has retired logs.
type closing struct {
	index uint64
	since int64
	logs  []metadata.LogID // that are not being closed yet
	left  int              // that are not closed
}

// closings are those of a shard.
type closings struct {
	in      *intake
	parking *parking
	fences  *fences
	files   *Files

	queue fifo.Queue[*closing] // with logs that are not being closed yet
	waits []*closing           // whose closing nobody was told of, in their order
	told  []uint64             // indexes of those that are closed, or not waited for, and to be taken
	begun int                  // logs in this turn
	spare []*closeTask
}

// closeTask closes a log.
type closeTask struct {
	Part
	of *closing
}

const (
	closedPerTurn = 256             // logs whose closing begins in one turn
	closePatience = 5 * time.Second // how long the answer to a deletion waits for appends that the disk has no room for
)

// Retire closes logs that the command of that index has retired: those that are here, at least one. The list is the room's from then on.
func (o *Owner) Retire(index uint64, logs []metadata.LogID) {
	for _, log := range logs {
		o.forget(storage.LogID(log))
	}
	q, x := &o.closings, &closing{index: index, since: o.mono, logs: logs, left: len(logs)}
	q.queue.Push(x)
	q.waits = append(q.waits, x)
	q.begin()
}

// begin begins with the next logs. Each has a request of its own until it is closed: those in which nothing is in flight are at once, and
// the others are no more than there are requests in flight, beside a few writes in the background.
func (q *closings) begin() {
	for ; q.queue.Len() > 0 && q.begun < closedPerTurn; q.begun++ {
		x := q.queue.First()
		t := q.task()
		t.of, t.Kind, t.Log = x, storage.ReqClose, storage.LogID(x.logs[0])
		if x.logs = x.logs[1:]; len(x.logs) == 0 {
			q.queue.Pop()
		}
		q.in.ask(&t.Request)
	}
}

func (q *closings) task() *closeTask {
	if k := len(q.spare); k > 0 {
		t := q.spare[k-1]
		q.spare = q.spare[:k-1]
		return t
	}
	t := &closeTask{}
	t.Of, t.Owner = t, &t.Part
	return t
}

// closed takes the answer of a log that was to be closed.
func (q *closings) closed(t *closeTask) {
	x := t.of
	if t.Err == nil || t.Err == storage.ErrUnknownLog { // else the journal has failed, and the process ends
		q.files.drop(t.Log)
		q.parking.wake(t.Log)
		q.fences.take(t.Log) // a poll may have ended meanwhile
	}
	if x.left--; x.left == 0 {
		if i := slices.Index(q.waits, x); i >= 0 {
			q.waits = slices.Delete(q.waits, i, i+1)
			q.told = append(q.told, x.index)
		}
	}
	if len(q.spare) < closedPerTurn {
		t.Clear()
		t.of = nil
		q.spare = append(q.spare, t)
	}
}

// tend goes on with logs that are to be closed, and waits no longer with the answer to deletions whose logs have appends in flight that there is
// no room for. The deletion is done: such an append began before it, whenever its own answer comes.
func (q *closings) tend(mono int64) {
	q.begin()
	for len(q.waits) > 0 && q.in.store.Space().Short() && mono-q.waits[0].since >= int64(closePatience) {
		q.told = append(q.told, q.waits[0].index)
		q.waits = slices.Delete(q.waits, 0, 1)
	}
	if q.queue.Len() == 0 && len(q.waits) == 0 {
		q.spare = nil
	}
}

// deadline is when the closings want a turn; 0: never.
func (q *closings) deadline(mono int64) int64 {
	switch {
	case q.queue.Len() > 0:
		return max(1, mono)
	case len(q.waits) > 0 && q.in.store.Space().Short():
		return q.waits[0].since + int64(closePatience)
	}
	return 0
}

// Closed reports whether there is something for TakeClosed.
func (o *Owner) Closed() bool { return len(o.closings.told) > 0 }

// TakeClosed returns the indexes of commands whose logs are closed, or not waited for any more. Each comes once.
func (o *Owner) TakeClosed() []uint64 {
	list := o.closings.told
	o.closings.told = nil
	return list
}

func (q *closings) invariants() {
	for i, x := range q.waits {
		if x.left <= 0 || x.left < len(x.logs) || i > 0 && x.since < q.waits[i-1].since {
			panic(fmt.Sprintf("BUG: the closing of command %d is waited for: %d logs are not closed, %d not being closed", x.index, x.left, len(x.logs)))
		}
	}
	if q.queue.Len() > 0 && len(q.queue.First().logs) == 0 {
		panic(fmt.Sprintf("BUG: command %d has no logs that are to be closed", q.queue.First().index))
	}
}
