package storage

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/galgo-mq/galgo/batch"
)

// recordID is what a producer calls a record: 128 bits. Zero names none.
type recordID struct{ lo, hi uint64 }

func idOf(r batch.Record) recordID {
	id := r.ID()
	return recordID{binary.LittleEndian.Uint64(id[:]), binary.LittleEndian.Uint64(id[8:])}
}

// windowEntry is a record of the log: 32 bytes without a pointer.
type windowEntry struct {
	id     recordID
	offset Offset
	ts     uint64
}

// idWindow knows the newest records of a log by their ids. Records are in a ring in order of offsets, all of them, so that
// their number can be counted; a table of ring places is hashed over those that have an id:
//
//	ring   | 7 | 8 | 9 |   | 3 | 4 | 5 | 6 |       first: 3's place; n: 7
//	table  | - | 2 | - | 5 | - | 1 | ...            place + 1, linear probing
//
// Neither holds a pointer, so the collector does not look at them.
type idWindow struct {
	seed  uint64 // clients choose ids: without a secret they could choose those that collide
	count int    // records at most
	age   uint64 // microseconds; 0: any
	ring  []windowEntry
	first int
	n     int
	table []uint32
	used  int // places of the table
}

const (
	windowMin = 64
	// windowLeap is the length from which the ring grows to its bound at once: to hash millions of ids anew is a stall.
	// Memory that is not used yet is not touched by it.
	windowLeap = 1 << 20
)

// hash spreads ids. Whoever does not know the seed can't find two that meet.
func (w *idWindow) hash(id recordID) uint64 {
	hi, lo := bits.Mul64(id.lo^w.seed, id.hi^0x9E3779B97F4A7C15^w.seed>>1)
	hi, lo = bits.Mul64(hi^lo^w.seed, id.lo^bits.RotateLeft64(id.hi, 32)^0xD1B54A32D192ED03)
	return hi ^ lo
}

// place is where in the ring the i-th record of the window is.
func (w *idWindow) place(i int) int {
	if i += w.first; i >= len(w.ring) {
		i -= len(w.ring)
	}
	return i
}

// find returns the offset of the record with that id, if an append at ts with ahead records before it has it in the window.
// Records below start count no more.
func (w *idWindow) find(id recordID, ts uint64, start Offset, ahead int) (Offset, bool) {
	if w.n == 0 || id == (recordID{}) {
		return 0, false
	}
	mask := uint64(len(w.table) - 1)
	for i := w.hash(id) & mask; w.table[i] != 0; i = (i + 1) & mask {
		at := int(w.table[i] - 1)
		e := &w.ring[at]
		if e.id != id {
			continue
		}
		back := w.first + w.n - at // how many records from the end
		if back > len(w.ring) {
			back -= len(w.ring)
		}
		return e.offset, back+ahead <= w.count && !w.gone(e, ts, start)
	}
	return 0, false
}

// gone reports whether e has left the window for an append at ts.
func (w *idWindow) gone(e *windowEntry, ts uint64, start Offset) bool {
	return e.offset < start || w.age > 0 && ts > e.ts && ts-e.ts > w.age
}

// wants is how many bytes the window takes after k more records at ts.
func (w *idWindow) wants(k int, ts uint64, start Offset) int64 {
	need := min(w.n+k, w.count)
	for i := 0; need > len(w.ring) && i < w.n && w.gone(&w.ring[w.place(i)], ts, start); i++ {
		need--
	}
	return windowSize(w.lengthFor(need))
}

// lengthFor is the length of the ring with which it holds n records, at most count.
func (w *idWindow) lengthFor(n int) int {
	length := len(w.ring)
	for length < n {
		length = w.longer(length)
	}
	return length
}

// reserve makes the ring long enough for n records, so that it need not grow step by step.
func (w *idWindow) reserve(n int) {
	if length := w.lengthFor(min(n, w.count)); length > len(w.ring) {
		w.grow(length)
	}
}

// longer is the length of the ring when it grows from n.
func (w *idWindow) longer(n int) int {
	if n >= windowLeap {
		return w.count
	}
	return min(max(windowMin, 2*n), w.count)
}

func windowSize(length int) int64 { return int64(length)*32 + int64(tableLen(length))*4 }

// tableLen is a power of two with room for half as many again as there can be.
func tableLen(length int) int {
	if length == 0 {
		return 0
	}
	return 1 << bits.Len(uint(length+length/2))
}

// push adds a record that was appended behind all others, and lets go of those that have left the window by that.
func (w *idWindow) push(e windowEntry, start Offset) {
	for w.n > 0 && (w.n == w.count || w.gone(&w.ring[w.first], e.ts, start)) {
		w.shift()
	}
	if w.n == len(w.ring) {
		w.grow(w.longer(len(w.ring)))
	}
	at := w.place(w.n)
	w.ring[at] = e
	w.n++
	w.enter(at)
}

// enter puts the record at a place of the ring into the table, instead of an older one of its id.
func (w *idWindow) enter(at int) {
	id := w.ring[at].id
	if id == (recordID{}) {
		return
	}
	mask := uint64(len(w.table) - 1)
	i := w.hash(id) & mask
	for w.table[i] != 0 {
		if w.ring[w.table[i]-1].id == id {
			w.table[i] = uint32(at + 1)
			return
		}
		i = (i + 1) & mask
	}
	w.table[i] = uint32(at + 1)
	w.used++
}

// shift lets go of the oldest record.
func (w *idWindow) shift() {
	at := w.first
	w.leave(at)
	if w.first++; w.first == len(w.ring) {
		w.first = 0
	}
	w.n--
}

// leave takes the record at a place of the ring out of the table, if it is there, and closes the hole: what stands behind
// it moves up, as far as it may.
func (w *idWindow) leave(at int) {
	id := w.ring[at].id
	if id == (recordID{}) {
		return
	}
	mask := uint64(len(w.table) - 1)
	i := w.hash(id) & mask
	for w.table[i] != uint32(at+1) {
		if w.table[i] == 0 {
			return // a later record of its id stood in its place
		}
		i = (i + 1) & mask
	}
	w.used--
	for j := i; ; {
		j = (j + 1) & mask
		v := w.table[j]
		if v == 0 {
			break
		}
		home := w.hash(w.ring[v-1].id) & mask
		if (j-home)&mask >= (j-i)&mask {
			w.table[i] = v
			i = j
		}
	}
	w.table[i] = 0
}

// grow makes the ring that long, and the table anew.
func (w *idWindow) grow(length int) {
	ring := make([]windowEntry, length)
	k := copy(ring, w.ring[w.first:])
	copy(ring[k:], w.ring[:w.first])
	w.ring, w.first, w.used = ring, 0, 0
	w.table = make([]uint32, tableLen(len(ring)))
	for at := range w.n {
		w.enter(at)
	}
}

// clear forgets all records and keeps the memory.
func (w *idWindow) clear() {
	clear(w.table)
	w.first, w.n, w.used = 0, 0, 0
}

func (w *idWindow) bytes() int64 { return windowSize(len(w.ring)) }

// last is the newest record, if there is one.
func (w *idWindow) last() (windowEntry, bool) {
	if w.n == 0 {
		return windowEntry{}, false
	}
	return w.ring[w.place(w.n-1)], true
}

// windowLook is how many records at each end the invariants look at: a window may hold millions.
const windowLook = 8

// invariants checks sizes, and the records at both ends.
func (w *idWindow) invariants(id LogID) {
	if w.n > w.count || w.n > len(w.ring) || w.used > w.n || len(w.table) != tableLen(len(w.ring)) {
		panic(fmt.Sprintf("BUG: log %d remembers %d ids, %d in its table, of at most %d; places %d and %d", id, w.n, w.used, w.count, len(w.ring), len(w.table)))
	}
	w.check(id, 0, min(windowLook, w.n))
	w.check(id, max(0, w.n-windowLook), w.n)
}

// check checks the records from and up to those places of the window: their order, and that the table finds them.
func (w *idWindow) check(id LogID, from, to int) {
	for i := from; i < to; i++ {
		e := w.ring[w.place(i)]
		if i > from {
			if b := w.ring[w.place(i-1)]; b.offset >= e.offset || b.ts > e.ts {
				panic(fmt.Sprintf("BUG: log %d remembers offset %d at %d behind %d at %d", id, e.offset, e.ts, b.offset, b.ts))
			}
		}
		if e.id == (recordID{}) {
			continue
		}
		if o, _ := w.find(e.id, e.ts, 0, 0); o < e.offset {
			panic(fmt.Sprintf("BUG: log %d remembers offset %d and finds %d by its id", id, e.offset, o))
		}
	}
}

// seenIDs knows the ids of the records of one batch, by how many others stay before them.
type seenIDs struct {
	ids   []recordID
	at    []uint32 // how many records stay before it
	table []uint32 // place in ids + 1
	live  int      // of the table, used now
}

// seenMax is how many records a batch may have for its memory to be kept for the next one.
const seenMax = 1 << 16

func (s *seenIDs) begin(count int) {
	if len(s.table) > 2*seenMax {
		*s = seenIDs{}
	}
	s.ids, s.at = s.ids[:0], s.at[:0]
	if s.live = tableLen(count); s.live > len(s.table) {
		s.table = make([]uint32, s.live)
		return
	}
	clear(s.table[:s.live])
}

// again reports whether id was met among the last count records that stay, and notes it, the one behind kept others, if not.
func (s *seenIDs) again(id recordID, hash uint64, kept, count int) bool {
	if id == (recordID{}) {
		return false
	}
	mask := uint64(s.live - 1)
	i := hash & mask
	for ; s.table[i] != 0; i = (i + 1) & mask {
		k := s.table[i] - 1
		if s.ids[k] != id {
			continue
		}
		if kept-int(s.at[k]) <= count {
			return true
		}
		s.at[k] = uint32(kept)
		return false
	}
	s.ids, s.at = append(s.ids, id), append(s.at, uint32(kept))
	s.table[i] = uint32(len(s.ids))
	return false
}
