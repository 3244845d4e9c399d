package storage_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/storage"
)

// Logs with deduplication in the world. What was sent twice has another payload each time, and the same id: what is stored
// tells which of its sendings it comes from.

type recordID = [16]byte

// recentMax is how many batches of a log may be sent again.
const recentMax = 12

// chooseIDs gives the n records of a batch ids, or takes those of a batch that was sent before; n may change then. Some were
// sent shortly before, whatever became of them, some occur twice in the batch, and some records have none.
func (w *world) chooseIDs(h *history, uid uint64, n int) []recordID {
	var ids []recordID
	if k := len(h.recent); k > 0 && w.rng.IntN(4) == 0 {
		return h.recent[w.rng.IntN(k)]
	}
	for i := range n {
		id := recordID{15: byte(i + 1)}
		binary.LittleEndian.PutUint64(id[:], uid)
		switch v := w.rng.IntN(20); {
		case v < 5 && len(h.recent) > 0:
			old := h.recent[w.rng.IntN(len(h.recent))]
			id = old[w.rng.IntN(len(old))]
		case v < 7 && i > 0:
			id = ids[w.rng.IntN(i)]
		case v < 8:
			id = recordID{}
		}
		ids = append(ids, id)
	}
	if h.recent = append(h.recent, ids); len(h.recent) > recentMax {
		h.recent = h.recent[1:]
	}
	return ids
}

// idsOf are the ids of frames, and where each begins.
func idsOf(frames []byte) (ids []recordID, starts []int) {
	at := 0
	for rest := frames; len(rest) > 0; {
		var r batch.Record
		r, rest = batch.Next(rest)
		ids, starts = append(ids, r.ID()), append(starts, at)
		at += len(r)
	}
	return ids, append(starts, at)
}

// resolve makes rec what was stored of it: some of its records, in order, as they were sent but for their numbers.
func (h *history) resolve(rec *record, frames []byte) {
	const delta, sizes = 24, 28
	next := uint32(0)
	for rest := frames; len(rest) > 0; next++ {
		var r batch.Record
		r, rest = batch.Next(rest)
		i := binary.LittleEndian.Uint32(r.Payload()[16:])
		if i < next || int(i) >= rec.count() {
			fail("log %d: batch %d has its record %d at place %d", h.info.id, rec.uid, i, next)
		}
		sent := rec.frames[rec.starts[i]:rec.starts[i+1]]
		if !bytes.Equal(r[8:delta], sent[8:delta]) || !bytes.Equal(r[sizes:], sent[sizes:]) {
			fail("log %d: record %d of batch %d has changed", h.info.id, i, rec.uid)
		}
		next = i
	}
	rec.frames = slices.Clone(frames)
	rec.ids, rec.starts = idsOf(rec.frames)
}

// deduplicated takes the answer to an append to a log with deduplication, and reports whether it was stored.
func (w *world) deduplicated(c *call) bool {
	h, rec := c.h, c.record
	if c.Base < h.maxTold { // it was told before: all of it is a repeat
		rec.fate = dead
		w.stats.repeats++
		w.trace("  log %d: batch %d is a repeat of offset %d", c.Log, rec.uid, c.Base)
		if id, ok := h.idAt(c.Base); !ok || id != rec.ids[0] {
			fail("log %d: batch %d is said to be at %d, which has another id, or is not there (%v)", c.Log, rec.uid, c.Base, ok)
		}
		h.checkKnown(c, rec.ids[0], c.Base)
		for _, id := range rec.ids[1:] {
			h.checkDropped(c, id)
		}
		return false
	}
	sent := rec.ids
	h.resolve(rec, batch.Batch(c.Batch).Frames())
	kept := slices.Clone(rec.ids)
	for i, k := 0, 0; i < len(sent); i++ {
		if k < len(kept) && kept[k] == sent[i] && !slices.Contains(kept[:k], sent[i]) || sent[i] == (recordID{}) {
			k++
			continue
		}
		w.stats.dropped++
		if !slices.Contains(kept, sent[i]) {
			h.checkDropped(c, sent[i])
		}
	}
	return true
}

// idAt is the id of the visible record at o.
func (h *history) idAt(o storage.Offset) (id recordID, ok bool) {
	i := h.at(o)
	if i == len(h.visible) || h.visible[i].base > o {
		return id, false
	}
	return h.visible[i].ids[o-h.visible[i].base], true
}

// checkDropped checks that a record that was not stored is there already, and was in the window.
func (h *history) checkDropped(c *call, id recordID) {
	for i := len(h.visible) - 1; i >= 0; i-- {
		for k := len(h.visible[i].ids) - 1; k >= 0; k-- {
			if h.visible[i].ids[k] == id {
				h.checkKnown(c, id, h.visible[i].base+storage.Offset(k))
				return
			}
		}
	}
	fail("log %d: batch %d was acknowledged, its record %x is not stored", c.Log, c.record.uid, id)
}

// checkKnown checks that the record at o can have been in the window when c was appended: it was when c was sent, by what
// was visible then.
func (h *history) checkKnown(c *call, id recordID, o storage.Offset) {
	records, ts := uint64(0), uint64(0)
	for _, r := range h.visible {
		if r.next() <= o {
			continue
		}
		if r.base <= o {
			ts = r.ts
		}
		for at := max(o, r.base); at < min(r.next(), c.hw); at++ {
			records++
		}
	}
	if records > uint64(h.info.dedupCount) {
		fail("log %d: batch %d, record %x: the one at %d had %d others behind it", c.Log, c.record.uid, id, o, records-1)
	}
	if age := h.info.dedupMicros; age > 0 && ts > 0 && c.wall > ts+age {
		fail("log %d: batch %d, record %x: the one at %d is of %d, it was sent at %d", c.Log, c.record.uid, id, o, ts, c.wall)
	}
	if o < c.start {
		fail("log %d: batch %d, record %x: the one at %d lies below the start %d", c.Log, c.record.uid, id, o, c.start)
	}
}

// checkUnique checks that no two records of one id lie within a window.
func (h *history) checkUnique(seen []*record) {
	type sighting struct {
		n      int
		ts     uint64
		offset storage.Offset
	}
	last := map[recordID]sighting{}
	n := 0
	for _, r := range seen {
		for i, id := range r.ids {
			n++
			o := r.base + storage.Offset(i)
			if s, ok := last[id]; ok && n-s.n <= h.info.dedupCount && (h.info.dedupMicros == 0 || r.ts-s.ts <= h.info.dedupMicros) {
				fail("log %d: id %x is stored at %d and at %d, %d records and %d us later", h.info.id, id, s.offset, o, n-s.n, r.ts-s.ts)
			}
			if id != (recordID{}) {
				last[id] = sighting{n, r.ts, o}
			}
		}
	}
}

func TestNoIDIsStoredTwiceWithinItsWindow(t *testing.T) {
	sweep(t, 40, 400, func(w *world) {
		w.opt.dedupShare, w.opt.logsMax, w.opt.batchMax = 100, 2, 2000
		if w.opt.crashEvery > 200 {
			w.opt.crashEvery = 20
		}
	})
}

func TestNoIDIsStoredTwiceWhenTheDiskFails(t *testing.T) {
	sweep(t, 20, 400, func(w *world) {
		w.opt.dedupShare, w.opt.logsMax, w.opt.faults = 100, 3, true
	})
}
