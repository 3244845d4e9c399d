package storage

import (
	"math/rand/v2"
	"testing"
	"time"
)

// retained says by the plainest means how many segments a rule lets go: one after the other from the oldest, each looked
// at as if it were the only question.
func retained(l *Log, rule Retention) (n int) {
	now := l.s.now
	for i := range l.segs.list {
		g := l.segs.list[i]
		if !g.sealed || g.next > l.bounds.hw || g.next == g.base || g.stable < alignUp(g.end) {
			return n
		}
		left, newest := int64(0), true
		for k, h := range l.segs.list[i:] {
			if h.sealed {
				left += h.recordBytes
			}
			newest = newest && (k == 0 || h.next == h.base)
		}
		large := rule.BytesMax > 0 && left > rule.BytesMax && !newest
		unread := false // by somebody who has read something lately
		for _, o := range l.offsets.list {
			lately := rule.HoldMicros == HoldForever || o.Moved == 0 && rule.HoldMicros > 0 || o.Moved+rule.HoldMicros > now
			unread = unread || !o.Deleted && o.Offset < g.next-1 && lately
		}
		old := rule.ExpiryMicros > 0 && g.lastTS+rule.ExpiryMicros <= now
		if !large && (!old || unread) {
			return n
		}
		n++
	}
	return n
}

type heap struct{}

func (heap) Get(n int) []byte { return make([]byte, n, (n+BlockSize-1)&^(BlockSize-1)) }
func (heap) Put([]byte)       {}

func newStore() *Store {
	file := JournalFile{Size: JournalBytesMin}
	return New(Config{FirstGroup: 1, Journal: [2]JournalFile{file, file}, TailMemory: heap{}, JournalMemory: heap{}, ReadMemory: heap{}})
}

func TestRetentionAgreesWithItsSlowTwin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	some := 0
	for range 3000 {
		s := newStore()
		l := s.OpenLog(LogConfig{ID: 1, Level: LevelPersisted, SegmentSize: 1 << 20})
		ts := uint64(1)
		for range rng.IntN(6) {
			ts += uint64(rng.IntN(10))
			first := ts
			ts += uint64(rng.IntN(10))
			g := &segment{log: l, base: l.bounds.next, next: l.bounds.next + 1 + Offset(rng.IntN(10)), fd: -1, readFD: -1, sealed: true, firstTS: first, lastTS: ts,
				recordBytes: int64(1 + rng.IntN(1000)), indexed: true}
			g.end = segmentStart + Pos(g.recordBytes)
			g.stable, g.alloc = alignUp(g.end), alignUp(g.end)
			if rng.IntN(12) == 0 {
				g.stable = segmentStart
			}
			l.segs.list = append(l.segs.list, g)
			l.bounds.next = g.next
		}
		if k := len(l.segs.list); k > 0 {
			l.segs.list[k-1].sealed = rng.IntN(3) > 0
		}
		l.bounds.hw = l.bounds.next - min(l.bounds.next, Offset(rng.IntN(4)))
		l.bounds.last, l.bounds.records = max(l.bounds.hw, 1)-1, uint64(l.bounds.hw)
		l.noteFixed()
		for i := range rng.IntN(3) {
			l.offsets.count = 1
			l.offsets.apply(OffsetState{Key: ConsumerKey{ID: uint32(i)}, Offset: Offset(rng.IntN(40)), Count: 1, Deleted: rng.IntN(4) == 0, Moved: uint64(rng.IntN(100))})
			l.noteFixed()
		}
		var rule Retention
		if rng.IntN(2) == 0 {
			rule.ExpiryMicros = uint64(1 + rng.IntN(100))
		}
		if rng.IntN(2) == 0 {
			rule.BytesMax = int64(rng.IntN(3000))
		}
		switch rng.IntN(3) {
		case 0:
			rule.HoldMicros = HoldForever
		case 1:
			rule.HoldMicros = uint64(1 + rng.IntN(100))
		}
		s.Begin(100, 0)
		l.SetRetention(rule, 700)
		want := retained(l, rule)
		l.Retain()
		got := 0
		if j := s.journal.gather; j != nil && len(j.marks) > 0 {
			for _, g := range l.segs.list {
				if g.next <= j.marks[0].bound {
					got++
				}
			}
		}
		if got != want {
			t.Fatalf("rule %+v lets %d segments go, the twin %d", rule, got, want)
		}
		if got > 0 {
			some++
		}
	}
	if some < 200 {
		t.Fatalf("only %d of 3000 cases let a segment go", some)
	}
}
