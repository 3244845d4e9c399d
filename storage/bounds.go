package storage

import "fmt"

// Gap is a range of offsets that hold no records: they may have been told before a crash that lost them.
type Gap struct{ From, To Offset }

// bounds are the offsets of one log: the first it keeps, the next it gives out, and how far it is visible between them.
//
//	start ... last hw ... next
//	visible      |  placed, and not told yet
type bounds struct {
	start   Offset // first offset kept
	next    Offset // to be given out next
	hw      Offset // first offset not visible
	last    Offset // last visible offset, 0 if there never was one
	lastTS  uint64 // append time of the last batch placed
	records uint64 // visible, since start
	bytes   uint64
	gaps    []Gap // oldest first
}

// stamp says which offset and which append time the next batch gets: times never fall.
func (b *bounds) stamp(now uint64) (base Offset, ts uint64) { return b.next, max(now, b.lastTS) }

// placed notes that a batch up to next, appended at ts, has its place.
func (b *bounds) placed(next Offset, ts uint64) { b.next, b.lastTS = next, ts }

// show makes a batch visible that ends before next.
func (b *bounds) show(next Offset, records uint32, bytes uint32) {
	if next <= b.hw {
		panic(fmt.Sprintf("BUG: high watermark %d told again up to %d", b.hw, next))
	}
	b.hw, b.last = next, next-1
	b.records += uint64(records)
	b.bytes += uint64(bytes)
}

// trim raises the log start; bytes is what was in the segments that go with it.
func (b *bounds) trim(start Offset, bytes int64) {
	b.start = start
	b.bytes -= uint64(bytes)
	b.records = b.count(b.start, b.hw)
}

// reaches reports whether the log has, or had, a visible record at o.
func (b *bounds) reaches(o Offset) bool {
	never := b.hw == 0 || b.records == 0 && b.start == b.hw && b.last == 0
	return !never && o <= b.last
}

// count counts the offsets in [from, to) that hold records.
func (b *bounds) count(from, to Offset) uint64 {
	if to <= from {
		return 0
	}
	n := uint64(to - from)
	for _, g := range b.gaps {
		lo, hi := max(g.From, from), min(g.To, to)
		if hi > lo {
			n -= uint64(hi - lo)
		}
	}
	return n
}

// span guesses how many bytes the records in [from, to) have, by the mean of all.
func (b *bounds) span(from, to Offset) int64 {
	return int64(to-min(from, to)) * int64(b.bytes/b.records+1)
}

// back returns the offset of the n-th visible record from the end, or the first one; gaps hold no records.
func (b *bounds) back(n uint64) Offset {
	hi := b.hw
	for i := len(b.gaps) - 1; i >= 0; i-- {
		g := b.gaps[i]
		if g.To > hi {
			continue
		}
		if uint64(hi-g.To) >= n {
			break
		}
		n -= uint64(hi - g.To)
		hi = g.From
	}
	if Offset(n) > hi {
		return b.start
	}
	return max(b.start, hi-Offset(n))
}

// follows reports whether a record at base may come next behind the one before from: only gaps hold none.
func (b *bounds) follows(from, base Offset) bool {
	for _, g := range b.gaps {
		if g.From <= from && from < g.To {
			from = g.To
		}
	}
	return from == base
}

func (b *bounds) invariants(id LogID) {
	if b.start > b.hw || b.hw > b.next || b.hw > 0 && b.last >= b.hw {
		panic(fmt.Sprintf("BUG: log %d starts at %d, is visible to %d (last %d), goes on at %d", id, b.start, b.hw, b.last, b.next))
	}
	if n := b.count(b.start, b.hw); n != b.records {
		panic(fmt.Sprintf("BUG: log %d counts %d records, %d offsets are visible", id, b.records, n))
	}
}
