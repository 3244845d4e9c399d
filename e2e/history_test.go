package e2e

import (
	"fmt"
	"slices"
	"sync"

	"github.com/galgo-mq/galgo/wire"
)

// level is the durability of a topic.
type level uint8

const (
	memory level = iota
	written
	persisted
)

func (l level) String() string { return [...]string{"memory", "written", "persisted"}[l] }

// ending is how a run of the broker ended.
type ending uint8

const (
	inOrder ending = iota
	killed
	powerCut
)

// spares reports whether what was acknowledged at level l is there after such an end.
func (e ending) spares(l level) bool {
	return e == inOrder || l == persisted || e == killed && l == written
}

// history is what the broker of one data directory was asked and what it told. Whatever it says later is held against it.
// Clients use it at the same time.
type history struct {
	mu       sync.Mutex
	topics   []*topic
	accounts *accounts // nil: nobody touches them
	cut      bool      // power was cut at least once
	counts
}

type counts struct {
	acked, verified uint64 // messages
	lost, gaps      uint64 // messages told at a level that may lose them, and ranges of offsets stepped over
	found           uint64 // batches that were not acknowledged and are there
	trims           uint64 // log starts that rose
	offsets         uint64 // stored offsets compared
	groupOffsets    uint64 // of these, of consumer groups
	groups          uint64 // consumer groups compared
	groupsFlew      uint64 // commands that make or delete one, in flight at the end
	groupsTook      uint64 // and those of them that took effect
}

// topicState is what may be true of a topic. The states but absent and live are those of a command in flight.
type topicState uint8

const (
	absent topicState = iota
	creating
	live
	deleting
	purging
)

// topic is a place for topics of one name, which are made and deleted time and again.
type topic struct {
	slot               uint8
	name               string
	level, offsetLevel level
	segmentBytes       uint64
	partitions         int
	replicated         bool   // made with durability replicated: the server's setting says which level that is
	changing           bool   // its level changes while it serves, or with the server's setting
	now, least         level  // of one that changes: what is promised now, and was least
	cap                uint64 // bytes that each partition may keep; 0: all
	dedup              bool
	state              topicState
	logs               []*logHistory // of each partition; another one with each creation and purge
	purged             []*logHistory // those that count when the purge in flight took effect
	flying             map[batchID]*record
	groupSet
}

func (t *topic) id() wire.Identifier { return wire.Named(t.name) }

// promises is the level of what is acknowledged now.
func (t *topic) promises() level {
	if t.changing {
		return t.now
	}
	return t.level
}

// always is the level that everything in the topic had at least.
func (t *topic) always() level {
	if t.changing {
		return t.least
	}
	return t.level
}

// lower notes that the topic may be at a lower level from now on.
func (h *history) lower(t *topic, to level) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.now, t.least = min(t.now, to), min(t.least, to)
}

// raised notes that everything in the topic is as safe as a level says.
func (h *history) raised(t *topic, to level) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.now = max(t.now, to)
	for _, l := range t.logs {
		for _, r := range l.told {
			r.level = max(r.level, to)
		}
	}
}

// logHistory is what was sent to one log and told of it.
type logHistory struct {
	topic     *topic
	partition uint8
	told      []*record           // acknowledged or seen; in order of offsets as of the last settle
	open      map[batchID]*record // sent, neither acknowledged nor known to be lost: whole or not there
	seen      map[uint64]sighting // by base offset, what consumers saw in this run
	start     uint64              // first offset, as of the last verification
	floor     uint64              // no offset below may be told of a batch to come
	from      uint64              // where the next verification begins
	trimmed   bool                // a trim was asked for since then
	consumers map[consumer]*committed
}

// record is one batch that was sent.
type record struct {
	log   *logHistory
	id    batchID
	count int
	base  uint64
	level level // at which it was acknowledged, or which it was raised to
	kept  bool  // a recovery has found it: from then on it is there for good
	gone  bool  // a recovery has not found it, as its level allows: it must never come back
}

func (r *record) next() uint64 { return r.base + uint64(r.count) }

type sighting struct {
	id    batchID
	count int
}

// none is no stored offset.
const none = -1

// consumer is who stores offsets: a number, or a group.
type consumer struct {
	id    uint32
	group *group
}

func (c consumer) String() string {
	if c.group != nil {
		return c.group.String()
	}
	return fmt.Sprintf("consumer %d", c.id)
}

func (c consumer) wire() wire.Consumer {
	if c.group != nil {
		return wire.Consumer{Kind: wire.GroupConsumer, ID: wire.Named(c.group.name)}
	}
	return wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(c.id)}
}

// auto reports whether polls commit what they return: after a crash it is between what was found then and the last one.
func (c consumer) auto() bool { return c.group != nil && c.group.auto || c.group == nil && c.id%2 == 0 }

// committed is the stored offset of one consumer.
type committed struct {
	value   int64 // acknowledged
	at      int   // which of those asked for that was
	asked   int
	pending []asked // since, not answered
	unknown bool    // another log took over while one was in flight, or answers overtook one another
	last    int64   // of who has polls commit: highest that one did
}

// asked is an offset that a consumer asked to store.
type asked struct {
	value int64
	n     int
}

// newLogs makes empty logs for t. What is on its way may end up in them.
func newLogs(t *topic) []*logHistory {
	logs := make([]*logHistory, t.partitions)
	for i := range logs {
		logs[i] = &logHistory{topic: t, partition: uint8(i), open: map[batchID]*record{}, seen: map[uint64]sighting{},
			consumers: map[consumer]*committed{}}
	}
	for id, r := range t.flying {
		logs[r.log.partition].open[id] = r
	}
	return logs
}

func (l *logHistory) String() string { return fmt.Sprintf("%s/%d", l.topic.name, l.partition) }

func (l *logHistory) place() place { return place{l.topic.slot, l.partition} }

// current reports whether l is what its partition holds, for certain.
func (l *logHistory) current() bool {
	t := l.topic
	return (t.state == live || t.state == deleting) && int(l.partition) < len(t.logs) && t.logs[l.partition] == l
}

// pick returns a log that can be used, chosen by n, or nil.
func (h *history) pick(n int, want func(t *topic) bool) *logHistory {
	h.mu.Lock()
	defer h.mu.Unlock()
	var logs []*logHistory
	for _, t := range h.topics {
		if t.state != absent && t.state != creating && want(t) {
			logs = append(logs, t.logs...)
		}
	}
	if len(logs) == 0 {
		return nil
	}
	return logs[n%len(logs)]
}

// send notes that a batch is about to be sent. While it flies it may end up in whatever log the partition has by then.
func (h *history) send(l *logHistory, id batchID, count int) *record {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &record{log: l, id: id, count: count}
	t, p := l.topic, int(l.partition)
	l.open[id], t.flying[id] = r, r
	for _, logs := range [][]*logHistory{t.logs, t.purged} {
		if p < len(logs) {
			logs[p].open[id] = r
		}
	}
	return r
}

// refused notes that r was answered with an error, or not at all.
func (h *history) refused(r *record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(r.log.topic.flying, r.id)
}

// ack notes that the broker accepted r and where it put it.
func (h *history) ack(r *record, base uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := r.log
	delete(l.topic.flying, r.id)
	h.acked += uint64(r.count)
	if !l.current() {
		return nil // it may be in the log before or in the one after
	}
	if base < l.floor {
		return fmt.Errorf("log %v: batch %v was acknowledged at offset %d, although offsets below %d were given out before", l, r.id, base, l.floor)
	}
	r.base, r.level = base, l.topic.promises()
	delete(l.open, r.id)
	l.told = append(l.told, r)
	return nil
}

// saw notes what a poll returned: it was told, whether or not its producer has heard of it.
func (h *history) saw(l *logHistory, list []piece) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !l.current() {
		return nil
	}
	for _, p := range list {
		s, ok := l.seen[p.base]
		if ok && s.id != p.id {
			return fmt.Errorf("log %v: offset %d holds batch %v and held batch %v", l, p.base, p.id, s.id)
		}
		if !ok && p.base >= l.floor {
			l.seen[p.base] = sighting{p.id, p.count}
		}
	}
	return nil
}

// settle brings what was told in order, and checks that no offset was told twice.
func (l *logHistory) settle() error {
	byBase := func(a, b *record) int {
		if a.base < b.base {
			return -1
		}
		return 1
	}
	slices.SortFunc(l.told, byBase)
	var more []*record
	for base, s := range l.seen {
		i, ok := slices.BinarySearchFunc(l.told, base, func(r *record, base uint64) int {
			if r.base < base {
				return -1
			}
			return int(min(r.base-base, 1))
		})
		if ok && l.told[i].id == s.id {
			continue
		}
		r := l.open[s.id]
		if ok || r == nil || r.count != s.count {
			return fmt.Errorf("log %v: a consumer saw batch %v, %d messages, at offset %d; nobody sent that, or it was told to be elsewhere", l, s.id, s.count, base)
		}
		delete(l.open, s.id)
		r.base, r.level = base, l.topic.always()
		more = append(more, r)
	}
	l.told = append(l.told, more...)
	slices.SortFunc(l.told, byBase)
	for i := 1; i < len(l.told); i++ {
		if a, b := l.told[i-1], l.told[i]; a.next() > b.base {
			return fmt.Errorf("log %v: offset given out twice: batch %v has %d to %d, batch %v has %d to %d", l, a.id, a.base, a.next()-1, b.id, b.base, b.next()-1)
		}
	}
	clear(l.seen)
	return nil
}

// begin notes a command on t before it is sent, if its state is the one given.
func (h *history) begin(t *topic, from, to topicState) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.state != from || to == deleting && t.arranging {
		return false
	}
	t.state = to
	switch to {
	case creating:
		t.logs = newLogs(t)
		if !t.replicated {
			t.now = t.level
		}
		t.least = t.now
	case purging:
		t.purged = newLogs(t)
	}
	return true
}

// end notes that the command took effect.
func (h *history) end(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.end()
}

func (t *topic) end() {
	switch t.state {
	case creating:
		t.state = live
	case deleting:
		t.state, t.logs = absent, nil
		t.groupSet = groupSet{}
	case purging:
		t.state, t.logs = live, t.purged
	}
	t.purged = nil
}

// undo notes that the command did not take effect.
func (t *topic) undo() {
	if t.state == creating {
		t.state, t.logs = absent, nil
		return
	}
	t.state, t.purged = live, nil
}

// trim notes that a log's oldest segments are about to be removed.
func (h *history) trim(l *logHistory) {
	h.mu.Lock()
	l.trimmed = true
	h.mu.Unlock()
}

// position is where a consumer of l stands.
func (h *history) position(l *logHistory, who consumer) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := l.consumers[who]; c != nil {
		return max(c.value, c.last)
	}
	return none
}

// store notes that a consumer's offset is about to be stored, or deleted, and returns what to call with the answer.
func (h *history) store(l *logHistory, who consumer, value int64) (answered func(error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := l.consumer(who)
	c.asked++
	n := c.asked
	c.pending = append(c.pending, asked{value, n})
	return func(err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		switch {
		case err == nil && l.current():
			c.acked(value, n)
		case err == nil:
			if t := l.topic; int(l.partition) < len(t.logs) {
				t.logs[l.partition].consumer(who).unknown = true
			}
			if t := l.topic; t.state == purging {
				t.purged[l.partition].consumer(who).unknown = true
			}
		case turnedDown(err):
			c.pending = slices.DeleteFunc(c.pending, func(a asked) bool { return a.n == n })
		}
	}
}

// acked notes that the n-th offset that was asked for is stored. Members of a group hear of theirs in any order.
func (c *committed) acked(value int64, n int) {
	if n < c.at {
		c.unknown = true
		return
	}
	c.value, c.at, c.unknown = value, n, false
	c.pending = slices.DeleteFunc(c.pending, func(a asked) bool { return a.n <= n })
}

// commit notes what a poll with auto-commit has committed.
func (h *history) commit(l *logHistory, who consumer, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := l.consumer(who)
	c.last = max(c.last, int64(last))
}

func (l *logHistory) consumer(who consumer) *committed {
	c := l.consumers[who]
	if c == nil {
		c = &committed{value: none, last: none}
		l.consumers[who] = c
	}
	return c
}
