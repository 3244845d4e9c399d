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
//	Retire --> closing: ReqClose --answered, of each log--> dropped --files are gone--> TakeGone
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
	x := &closing{index: index, since: o.mono, logs: logs, left: len(logs)}
	o.closings.queue.Push(x)
	o.closings.waits = append(o.closings.waits, x)
	o.beginClosing()
}

// forget has the polls that wait at a log look again, which will not find it, and returns what was delivered from it.
func (o *Owner) forget(log storage.LogID) deliveries {
	o.parking.wake(log)
	sent := o.fences.sent[log]
	delete(o.fences.sent, log)
	return sent
}

// beginClosing begins with the next logs. Each has a request of its own until it is closed: those in which nothing is in flight are at once, and
// the others are no more than there are requests in flight, beside a few writes in the background.
func (o *Owner) beginClosing() {
	for q := &o.closings; q.queue.Len() > 0 && q.begun < closedPerTurn; q.begun++ {
		x := q.queue.First()
		t := q.task()
		t.of, t.Kind, t.Log = x, storage.ReqClose, storage.LogID(x.logs[0])
		if x.logs = x.logs[1:]; len(x.logs) == 0 {
			q.queue.Pop()
		}
		o.ask(&t.Request)
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
func (o *Owner) closed(t *closeTask) {
	q, x := &o.closings, t.of
	if t.Err == nil || t.Err == storage.ErrUnknownLog { // else the journal has failed, and the process ends
		o.store.Drop(t.Log, o.removed)
		o.forget(t.Log) // a poll may have ended meanwhile
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

// tendClosings goes on with logs that are to be closed, and waits no longer with the answer to deletions whose logs have appends in flight that there is
// no room for. The deletion is done: such an append began before it, whenever its own answer comes.
func (o *Owner) tendClosings() {
	o.beginClosing()
	q := &o.closings
	for len(q.waits) > 0 && o.store.Space().Short() && o.mono-q.waits[0].since >= int64(closePatience) {
		q.told = append(q.told, q.waits[0].index)
		q.waits = slices.Delete(q.waits, 0, 1)
	}
	if q.queue.Len() == 0 && len(q.waits) == 0 {
		q.spare = nil
	}
}

// closingDeadline is when the closings want a turn; 0: never.
func (o *Owner) closingDeadline() int64 {
	switch q := &o.closings; {
	case q.queue.Len() > 0:
		return o.mono
	case len(q.waits) > 0 && o.store.Space().Short():
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

// files are those of logs that were dropped.
type files struct {
	gone fifo.Queue[metadata.LogID] // which nobody was told of
	kept fifo.Queue[NotRemoved]
}

// NotRemoved is a log whose files could not be removed. The next start tries again.
type NotRemoved struct {
	Log metadata.LogID
	Err error
}

// RemoveFiles removes the files of logs that were retired before the start.
func (o *Owner) RemoveFiles(logs []storage.LogID) {
	for _, log := range logs {
		o.store.Drop(log, o.removed)
	}
}

// removed notes that the files of a log are gone.
func (o *Owner) removed(log storage.LogID, err error) {
	switch {
	case err != nil:
		o.files.kept.Push(NotRemoved{metadata.LogID(log), err})
	case !o.store.Space().Late(): // else the next start has them on its list again, and finds no files: a command would only fill what deletions need
		o.files.gone.Push(metadata.LogID(log))
	}
}

// Gone is how many logs there are for TakeGone.
func (o *Owner) Gone() int { return o.files.gone.Len() }

// TakeGone returns at most n logs whose files are gone. Each comes once.
func (o *Owner) TakeGone(n int) []metadata.LogID { return o.files.gone.PopN(nil, n) }

// TakeNotRemoved returns the next log whose files could not be removed.
func (o *Owner) TakeNotRemoved() (n NotRemoved, ok bool) {
	if ok = o.files.kept.Len() > 0; ok {
		n = o.files.kept.Pop()
	}
	return n, ok
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
