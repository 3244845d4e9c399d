package storage

import (
	"fmt"
	"math"

	"github.com/galgo-mq/galgo/batch"
)

// A log with deduplication stores a record once: another one with its id, within the window, is acknowledged and not
// stored. The window is a part of the log that is read into memory at the first append; nothing is written for it.
//
//	append:  window not read yet?  wait; polls read it          rebuild, take
//	         some ids are known    their frames are dropped     filter
//	         all are               answered when told           repeats
//	         placed                the ids are noted            note
type dedup struct {
	window   idWindow
	built    bool
	building bool
	repeats  []repeat
	noted    int64 // bytes of the window, counted in idMemory.bytes
}

// repeat is an append whose records the log has already. It is answered when they are told, up to the last of them.
type repeat struct {
	req  *Request
	last Offset
}

// idMemory is what the windows of all logs of a store share.
type idMemory struct {
	most    int64 // bytes that they may take; 0: as their windows allow
	bytes   int64 // that they take
	seen    seenIDs
	dropped []uint32 // of the batch filtered last: which records go
}

// rebuildBytes is how much of the log one poll of a rebuild reads.
const rebuildBytes = 1 << 20

func newDedup(seed uint64, cfg *LogConfig) *dedup {
	if cfg.DedupCount <= 0 {
		return nil
	}
	return &dedup{window: idWindow{seed: seed ^ uint64(cfg.ID), count: min(cfg.DedupCount, DedupCountMax), age: cfg.DedupMicros}}
}

// filter notes in m which records of b, to be appended at ts, the log has, and counts the others. first is where the log has b's first
// record, if it goes, and last the last offset of those that it has.
func (d *dedup) filter(m *idMemory, b batch.Batch, ts uint64, start Offset) (first, last Offset, kept int) {
	m.dropped = m.dropped[:0]
	several := b.Count() > 1
	if several {
		m.seen.begin(b.Count())
	}
	for frames, i := b.Frames(), uint32(0); len(frames) > 0; i++ {
		var rec batch.Record
		rec, frames = batch.Next(frames)
		id := idOf(rec)
		if o, ok := d.window.find(id, ts, start, kept); ok {
			if i == 0 {
				first = o
			}
			last = max(last, o)
			m.dropped = append(m.dropped, i)
		} else if several && m.seen.again(id, d.window.hash(id), kept, d.window.count) {
			m.dropped = append(m.dropped, i)
		} else {
			kept++
		}
	}
	return first, last, kept
}

// busy reports whether the window is being read, or appends wait for what they repeat.
func (d *dedup) busy() bool { return d != nil && (d.building || len(d.repeats) > 0) }

// room reports whether the windows may take so many more records of this log.
func (d *dedup) room(m *idMemory, records int, ts uint64, start Offset) bool {
	if m.most <= 0 {
		return true
	}
	more := d.window.wants(records, ts, start) - d.noted
	return more <= 0 || m.bytes+more <= m.most
}

// note remembers the records of a batch that has its place in the log.
func (d *dedup) note(m *idMemory, b batch.Batch, start Offset) {
	o, ts := b.BaseOffset(), b.BaseTimestamp()
	for frames := b.Frames(); len(frames) > 0; o++ {
		var rec batch.Record
		rec, frames = batch.Next(frames)
		d.window.push(windowEntry{idOf(rec), o, ts}, start)
	}
	d.count(m)
}

// count counts the memory of the window.
func (d *dedup) count(m *idMemory) {
	m.bytes += d.window.bytes() - d.noted
	d.noted = d.window.bytes()
}

// told takes out those that repeat records of which all are told now.
func (d *dedup) told(hw Offset) *Request {
	var list requestList
	k := 0
	for _, p := range d.repeats {
		if p.last < hw {
			list.push(p.req)
			continue
		}
		d.repeats[k] = p
		k++
	}
	clear(d.repeats[k:])
	d.repeats = d.repeats[:k]
	return list.take()
}

// refuse takes out all that wait: what they repeat may never be told.
func (d *dedup) refuse() *Request {
	var list requestList
	if d != nil {
		for _, p := range d.repeats {
			list.push(p.req)
		}
		clear(d.repeats)
		d.repeats = d.repeats[:0]
	}
	return list.take()
}

// rebuild begins to read the window, and returns the poll that does, from the first record that may be in it on; nil: it is built. Its age
// is counted from the log's last append, not by the clock, which may be set back until the next one.
func (d *dedup) rebuild(b *bounds) *Request {
	if d.window.clear(); b.records == 0 {
		d.built = true
		return nil
	}
	d.building = true
	r := &Request{Kind: ReqPoll, Strategy: FromOffset, Value: uint64(b.back(uint64(d.window.count))),
		Count: math.MaxUint32, BytesMax: rebuildBytes, Head: make([]byte, HeadMin), Spans: make([]Span, 0, SpansMax)}
	if age := d.window.age; age > 0 && b.lastTS > age {
		r.Strategy, r.Value = FromTimestamp, b.lastTS-age
	}
	return r
}

// take notes what a poll of a rebuild found, and says where the next one goes on; the visible end: there is no more.
func (d *dedup) take(m *idMemory, r *Request, b *bounds) Offset {
	if r.Err != nil || r.Records == 0 {
		return b.hw
	}
	if o := b.back(uint64(d.window.count)); r.Strategy == FromTimestamp && r.Base < o {
		return o // more records are young enough than the window holds
	}
	r.Err = d.takeSpans(m, r, b)
	return r.poll.from
}

// takeSpans notes the records of a poll's answer. A slice of a batch has its header in a span of its own. At the first
// one there is memory for all that are to come.
func (d *dedup) takeSpans(m *idMemory, r *Request, bounds *bounds) error {
	spans, records := r.Spans, int(bounds.count(r.Base, bounds.hw))
	if !d.room(m, records, bounds.lastTS, bounds.start) {
		return ErrNoMemory
	}
	d.window.reserve(records)
	d.count(m)
	for i := 0; i < len(spans); i++ {
		for data := spans[i].Data; len(data) > 0; {
			b := batch.Batch(data[:batch.HeaderSize])
			n, frames := b.Length(), data[batch.HeaderSize:]
			if len(frames) == 0 {
				i++
				data = spans[i].Data
				frames, data = data, nil
			} else {
				frames, data = data[batch.HeaderSize:n], data[n:]
			}
			for len(frames) > 0 {
				var rec batch.Record
				rec, frames = batch.Next(frames)
				d.window.push(windowEntry{idOf(rec), b.BaseOffset() + Offset(rec.OffsetDelta()), b.BaseTimestamp()}, bounds.start)
			}
		}
	}
	return nil
}

// invariants compares the window with the log.
func (d *dedup) invariants(id LogID, b *bounds) {
	if d == nil {
		return
	}
	d.window.invariants(id)
	last, any := d.window.last()
	aged := d.window.age > 0 // the log's last time may be that of records that were lost: those that are left may all be too old then
	if d.built && (any && last.ts > b.lastTS || any && last.offset >= b.next || !any && b.records > 0 && !aged) {
		panic(fmt.Sprintf("BUG: log %d remembers offset %d at %d, it goes on at %d, %d", id, last.offset, last.ts, b.next, b.lastTS))
	}
	if d.built && any && b.records > 0 && last.offset < b.last {
		panic(fmt.Sprintf("BUG: log %d remembers nothing behind offset %d, its last is %d", id, last.offset, b.last))
	}
	for _, p := range d.repeats {
		if p.last < b.hw || p.last >= b.next {
			panic(fmt.Sprintf("BUG: log %d: a repeat waits for offset %d, visible to %d, it goes on at %d", id, p.last, b.hw, b.next))
		}
	}
}
