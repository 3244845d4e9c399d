package storage

import "math"

// Retention says what of a log may be removed. Zero fields do not limit.
type Retention struct {
	ExpiryMicros uint64 // records older than that may go
	BytesMax     int64  // sealed bytes beyond this go, oldest first, whatever offsets are stored
	HoldMicros   uint64 // a stored offset keeps what is expired for so long since it last moved; HoldForever: always; 0: it does not
}

// HoldForever is the HoldMicros with which stored offsets always keep what was not read.
const HoldForever = math.MaxUint64

// Held is what of a log is expired and kept for a stored offset.
type Held struct {
	Segments int
	Bytes    int64
	Consumer ConsumerKey // whose offset is the smallest of those that count
	Offset   Offset
	Until    uint64 // microseconds: when it counts no more, if it does not move; 0: it always does
}

// heldSum is what all logs of a store hold so.
type heldSum struct {
	segments int
	bytes    int64
	most     *Log // that holds most, as far as it was seen when logs were last looked at; nil: not known
}

// change notes what l holds now.
func (s *heldSum) change(l *Log, to Held) {
	s.segments += to.Segments - l.held.Segments
	s.bytes += to.Bytes - l.held.Bytes
	l.held = to
	switch {
	case to.Bytes > 0 && (s.most == nil || to.Bytes > s.most.held.Bytes):
		s.most = l
	case s.most == l && to.Bytes == 0:
		s.most = nil
	}
}

// expired reports whether records appended at ts or before have outlived the rule.
func (r *Retention) expired(ts, now uint64) bool {
	return r.ExpiryMicros != 0 && r.ExpiryMicros < now && ts <= now-r.ExpiryMicros
}

// expendable counts the oldest segments that may go, and says what is kept for a stored offset. hw is the first offset not visible.
func (r *Retention) expendable(v *segments, hw Offset, offsets *storedOffsets, now uint64) (n int, held Held) {
	if r.ExpiryMicros == 0 && r.BytesMax == 0 {
		return 0, held
	}
	sealed, newest := v.sealed()
	low, asked := lowest{none: true}, false
	for i, g := range v.list {
		tooMuch := r.BytesMax != 0 && sealed > r.BytesMax && i != newest
		if !g.removable(hw) || !tooMuch && !r.expired(g.lastTS, now) {
			break
		}
		if !tooMuch && !asked {
			low, asked = offsets.lowest(r.HoldMicros, now), true
		}
		if !tooMuch && low.holds(g) {
			return n, r.heldBack(v.list[i:], hw, low, now)
		}
		sealed -= g.recordBytes
		n++
	}
	return n, held
}

// heldBack sums up the oldest segments that are kept for a stored offset, as far as they are expired.
func (r *Retention) heldBack(list []*segment, hw Offset, low lowest, now uint64) Held {
	h := Held{Consumer: low.key, Offset: low.offset, Until: low.until}
	for _, g := range list {
		if !g.removable(hw) || !r.expired(g.lastTS, now) || !low.holds(g) {
			break
		}
		h.Segments++
		h.Bytes += g.recordBytes
	}
	return h
}
