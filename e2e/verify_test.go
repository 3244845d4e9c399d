package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

const (
	streamName = "crash"
	pollCount  = 20_000
	readers    = 3
)

func stream() wire.Identifier { return wire.Named(streamName) }

// verify compares what a broker that was just started holds with the history. With full set, every message; else what
// was told since the last time, and a little before. Nobody else talks to the broker.
func (h *history) verify(address, dir string, end ending, full bool) error {
	h.cut = h.cut || end == powerCut
	c, err := login(address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := h.verifyTopics(c); err != nil {
		return err
	}
	if err := h.verifyGroups(c); err != nil {
		return err
	}
	if h.accounts != nil {
		if err := h.accounts.verify(c, address); err != nil {
			return err
		}
	}
	var work []*verification
	for _, t := range h.topics {
		if t.state == absent {
			continue
		}
		for p := range t.logs {
			work = append(work, &verification{h: h, t: t, partition: p, end: end, full: full})
		}
	}
	next := make(chan *verification, len(work))
	for _, v := range work {
		next <- v
	}
	close(next)
	done := make(chan error, readers)
	for range readers {
		go func() { done <- verifyAll(address, next) }()
	}
	for range readers {
		err = errors.Join(err, <-done)
	}
	if err != nil {
		return err
	}
	for _, v := range work {
		v.t.logs[v.partition] = v.log
		h.counts.add(&v.counts)
	}
	for _, t := range h.topics {
		if t.state == purging {
			t.state, t.purged = live, nil
		}
	}
	return h.verifyDirectory(dir)
}

func verifyAll(address string, next <-chan *verification) error {
	c, err := login(address)
	if err != nil {
		return err
	}
	defer c.Close()
	for v := range next {
		v.c = c
		if err := v.run(); err != nil {
			return fmt.Errorf("partition %s/%d, %v: %w", v.t.name, v.partition, v.t.level, err)
		}
	}
	return nil
}

func (c *counts) add(o *counts) {
	c.verified += o.verified
	c.lost += o.lost
	c.gaps += o.gaps
	c.found += o.found
	c.trims += o.trims
	c.offsets += o.offsets
	c.groupOffsets += o.groupOffsets
}

// verifyTopics checks which topics there are, and settles the commands that were in flight.
func (h *history) verifyTopics(c *client.Client) error {
	list, err := c.GetTopics(context.Background(), stream())
	if err != nil {
		return err
	}
	there := map[string]wire.Topic{}
	for _, t := range list {
		there[string(t.Name)] = t
	}
	for _, t := range h.topics {
		w, ok := there[t.name]
		delete(there, t.name)
		switch {
		case !ok && (t.state == live || t.state == purging):
			return fmt.Errorf("topic %s is gone", t.name)
		case ok && t.state == absent:
			return fmt.Errorf("topic %s is back", t.name)
		case ok && int(w.PartitionsCount) != t.partitions:
			return fmt.Errorf("topic %s has %d partitions, made with %d", t.name, w.PartitionsCount, t.partitions)
		case t.state == creating && ok, t.state == deleting && !ok:
			t.end()
		case t.state == creating, t.state == deleting:
			t.undo()
		}
	}
	for name := range there {
		return fmt.Errorf("topic %s appeared", name)
	}
	return nil
}

// verifyDirectory checks that a start has removed the files of deleted topics.
func (h *history) verifyDirectory(dir string) error {
	names, err := os.ReadDir(filepath.Join(dir, "logs"))
	if err != nil {
		return err
	}
	most := 0
	for _, t := range h.topics {
		most += len(t.logs)
	}
	if len(names) > most {
		return fmt.Errorf("%d logs have files, there are %d partitions: files of deleted topics stay", len(names), most)
	}
	return nil
}

// verification is the comparison of one partition.
type verification struct {
	h         *history
	t         *topic
	partition int
	end       ending
	full      bool
	c         *client.Client
	empty     bool // nothing can be read

	log   *logHistory
	i     int    // told records before this one are done with
	next  uint64 // where the next message is if no offset is missing
	read  uint64 // messages
	part  piece  // the record that is not whole yet
	found []*record
	counts
}

func (v *verification) run() error {
	start, any, err := v.firstOffset()
	if err != nil {
		return err
	}
	if err := v.chooseLog(any); err != nil {
		return err
	}
	l := v.log
	if err := l.settle(); err != nil {
		return err
	}
	v.empty = !any
	if any {
		if err := v.raise(start); err != nil {
			return err
		}
	}
	from := max(l.start, l.from)
	if v.full {
		from = l.start
	}
	v.i = sort.Search(len(l.told), func(i int) bool { return l.told[i].base >= from })
	v.next = from
	if any {
		if err := v.readFrom(from); err != nil {
			return err
		}
	}
	if v.empty && l.trimmed {
		if err := v.trimmedToTheEnd(); err != nil {
			return err
		}
	}
	for ; v.i < len(l.told); v.i++ {
		if err := v.missing(l.told[v.i]); err != nil {
			return err
		}
	}
	if err := v.verifyCount(); err != nil {
		return err
	}
	if err := v.verifyOffsets(); err != nil {
		return err
	}
	v.finish()
	return nil
}

// firstOffset asks where the log begins.
func (v *verification) firstOffset() (start uint64, any bool, err error) {
	p, err := v.poll(wire.Strategy{Kind: wire.FromFirst}, 1)
	if err != nil {
		return 0, false, err
	}
	for m := range p.Messages() {
		return m.Offset, true, nil
	}
	return 0, false, nil
}

func (v *verification) poll(s wire.Strategy, count uint32) (client.Polled, error) {
	return v.c.Poll(context.Background(), wire.PollMessages{Consumer: verifier(), Stream: stream(), Topic: v.t.id(),
		Partition: wire.InPartition(uint32(v.partition)), Strategy: s, Count: count})
}

func verifier() wire.Consumer {
	return wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}
}

// chooseLog says what the partition must hold: with a purge in flight, what was there before or nothing.
func (v *verification) chooseLog(any bool) error {
	v.log = v.t.logs[v.partition]
	if v.t.state != purging {
		return nil
	}
	if err := v.log.settle(); err != nil {
		return err
	}
	p, err := v.poll(wire.Strategy{Kind: wire.FromFirst}, pollCount)
	if err != nil {
		return err
	}
	list, err := pieces(p, v.log.place())
	if err != nil {
		return err
	}
	if next := v.t.purged[v.partition]; !any || !v.log.has(list, next) {
		v.log = next
	}
	return nil
}

// has reports whether one of the records in list can only be in l, and not in the log that replaces it: it was told there, or it was on its
// way when l began and not when next did.
func (l *logHistory) has(list []piece, next *logHistory) bool {
	return slices.ContainsFunc(list, func(p piece) bool {
		told := slices.ContainsFunc(l.told, func(r *record) bool { return r.id == p.id })
		return told || l.open[p.id] != nil && next.open[p.id] == nil
	})
}

// raise takes note of a log start that rose, as far as it may.
func (v *verification) raise(start uint64) error {
	l := v.log
	if start == l.start {
		return nil
	}
	k := 0
	for k < len(l.told) && l.told[k].next() <= start {
		k++
	}
	if (l.trimmed || v.t.cap > 0) && start > l.start {
		v.trims++
	} else {
		for _, r := range l.told[:k] {
			if !r.gone && (r.kept || v.end.spares(r.level)) {
				return fmt.Errorf("the log begins at offset %d, and batch %v of %d messages at offset %d is gone", start, r.id, r.count, r.base)
			}
		}
		if start < l.start {
			return fmt.Errorf("the log begins at offset %d, and began at %d", start, l.start)
		}
		if v.dense() {
			return fmt.Errorf("the log begins at offset %d, offsets from %d are missing", start, l.start)
		}
		return nil // a gap
	}
	l.told = slices.Delete(l.told, 0, k)
	l.start = start
	return nil
}

// dense reports whether offsets follow one another.
func (v *verification) dense() bool {
	return v.t.always() == persisted || v.t.always() == written && !v.h.cut
}

func (v *verification) readFrom(from uint64) error {
	for {
		p, err := v.poll(wire.Strategy{Kind: wire.FromOffset, Value: from}, pollCount)
		if err != nil {
			return fmt.Errorf("poll from offset %d: %w", from, err)
		}
		list, err := pieces(p, v.log.place())
		if err != nil {
			return err
		}
		for _, q := range list {
			if err := v.piece(q); err != nil {
				return err
			}
			from = q.base + uint64(q.first+q.taken)
		}
		if len(list) == 0 {
			break
		}
	}
	return v.whole()
}

// piece takes the next messages: they go on where the last ones ended, or begin a record.
func (v *verification) piece(p piece) error {
	v.read += uint64(p.taken)
	if q := &v.part; q.count > 0 && p.id == q.id && p.base == q.base && p.first == q.taken {
		q.taken += p.taken
		return nil
	}
	if err := v.whole(); err != nil {
		return err
	}
	if p.first != 0 {
		return fmt.Errorf("offset %d holds message %d of batch %v; those before it are missing", p.base+uint64(p.first), p.first, p.id)
	}
	v.part = p
	return v.record(p)
}

// whole checks that the record read last is whole.
func (v *verification) whole() error {
	if q := v.part; q.count != q.taken {
		return fmt.Errorf("offset %d: batch %v of %d messages has only %d", q.base, q.id, q.count, q.taken)
	}
	return nil
}

// record compares a record that begins here.
func (v *verification) record(p piece) error {
	l := v.log
	for ; v.i < len(l.told) && l.told[v.i].base < p.base; v.i++ {
		if err := v.missing(l.told[v.i]); err != nil {
			return err
		}
	}
	switch r := l.open[p.id]; {
	case v.i < len(l.told) && l.told[v.i].base == p.base:
		t := l.told[v.i]
		if t.id != p.id || t.count != p.count {
			return fmt.Errorf("offset %d holds batch %v of %d messages; told was batch %v of %d", p.base, p.id, p.count, t.id, t.count)
		}
		if t.gone {
			return fmt.Errorf("offset %d: batch %v was lost and is back", p.base, p.id)
		}
		t.kept = true
		v.i++
	case r == nil:
		return fmt.Errorf("offset %d holds batch %v of %d messages, which does not belong there", p.base, p.id, p.count)
	case r.count != p.count:
		return fmt.Errorf("offset %d: batch %v has %d messages, %d were sent", p.base, p.id, p.count, r.count)
	case p.base < v.next:
		return fmt.Errorf("offset %d holds batch %v, which begins below the end %d of the one before", p.base, p.id, v.next)
	default:
		r.base, r.kept, r.log = p.base, true, l
		delete(l.open, p.id)
		v.found = append(v.found, r)
		v.counts.found++
	}
	if p.base != v.next {
		if v.dense() {
			return fmt.Errorf("offsets %d to %d are missing", v.next, p.base-1)
		}
		v.gaps++
	}
	v.next = p.base + uint64(p.count)
	return nil
}

// trimmedToTheEnd judges a log without records from which segments were to be removed. All may be gone when a new one has
// just begun; the broker still knows where the log ended.
func (v *verification) trimmedToTheEnd() error {
	t, err := v.c.GetTopic(context.Background(), stream(), v.t.id())
	if err != nil {
		return err
	}
	l, last := v.log, t.Partitions[v.partition].CurrentOffset
	for _, r := range l.told {
		if v.end.spares(r.level) && !r.gone && last+1 < r.next() {
			return fmt.Errorf("the log is empty and its last offset is %d; batch %v at offset %d is lost", last, r.id, r.base)
		}
		l.floor = max(l.floor, r.next())
	}
	if len(l.told) > 0 {
		v.next = max(v.next, last+1)
	}
	l.told, v.i = nil, 0
	return nil
}

// missing judges a record that was told and is not there.
func (v *verification) missing(r *record) error {
	if r.gone {
		return nil
	}
	if r.kept || v.end.spares(r.level) {
		return fmt.Errorf("offset %d: batch %v of %d messages is lost", r.base, r.id, r.count)
	}
	r.gone = true
	v.lost += uint64(r.count)
	return nil
}

// verifyCount compares the broker's own count, which leaves out recorded gaps.
func (v *verification) verifyCount() error {
	v.verified = v.read
	if !v.full {
		return nil
	}
	t, err := v.c.GetTopic(context.Background(), stream(), v.t.id())
	if err != nil {
		return err
	}
	p := t.Partitions[v.partition]
	if p.MessagesCount != v.read {
		return fmt.Errorf("the broker counts %d messages, %d are there", p.MessagesCount, v.read)
	}
	if v.read > 0 && p.CurrentOffset != v.next-1 {
		return fmt.Errorf("the broker calls %d the last offset, it is %d", p.CurrentOffset, v.next-1)
	}
	return nil
}

// verifyOffsets compares the stored offsets.
func (v *verification) verifyOffsets() error {
	v.onlyLiveGroups()
	for who, c := range v.log.consumers {
		value := int64(none)
		o, err := v.c.GetOffset(context.Background(), who.wire(), stream(), v.t.id(), uint32(v.partition))
		if err == nil {
			value = int64(o.StoredOffset)
		} else if !errors.Is(err, wire.StatusConsumerOffsetNotFound) {
			return err
		}
		v.offsets++
		if who.group != nil {
			v.groupOffsets++
		}
		switch {
		case c.unknown:
		case who.auto():
			if value < c.value || v.dense() && value >= int64(v.next) {
				return fmt.Errorf("%v: stored offset %d, it was %d at the last start, and the log ends at %d", who, value, c.value, v.next)
			}
		case value == c.value, slices.ContainsFunc(c.pending, func(a asked) bool { return a.value == value }):
		case !v.end.spares(v.t.offsetLevel):
		default:
			return fmt.Errorf("%v: stored offset %d is lost, it has %d (asked for since: %v)", who, c.value, value, c.pending)
		}
		*c = committed{value: value, last: value}
	}
	return nil
}

// finish makes what was found the base of the next run.
func (v *verification) finish() {
	l := v.log
	l.told = append(l.told, v.found...)
	slices.SortFunc(l.told, func(a, b *record) int { return int(min(max(int64(a.base)-int64(b.base), -1), 1)) })
	clear(l.open) // what was not found must not appear any more
	l.trimmed = l.trimmed && v.empty
	l.from, l.floor = l.start, max(l.floor, v.next)
	for i := len(l.told) - 1; i >= 0; i-- {
		r := l.told[i]
		l.floor = max(l.floor, r.next())
		if r.kept {
			l.from = r.base
			break
		}
	}
}
