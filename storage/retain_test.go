package storage

import (
	"math/rand/v2"
	"testing"
	"time"
)

// retained says by the plainest means how many segments a rule lets go: one after the other from the oldest, each looked
// at as if it were the only question.
func retained(l *Log, rule Retention) (n int) {
	for i := range l.segs {
		g := l.segs[i]
		if !g.sealed || g.next > l.hw || g.next == g.base || g.stable < alignUp(g.end) {
			return n
		}
		for _, o := range l.offsets {
			if !o.deleted && o.offset < g.next-1 {
				return n // somebody has not read its last record
			}
		}
		left := int64(0)
		for _, h := range l.segs[i:] {
			if h.sealed {
				left += h.recordBytes
			}
		}
		old := rule.OlderThan > 0 && g.lastTS <= rule.OlderThan
		if large := rule.BytesMax > 0 && left > rule.BytesMax; !old && !large {
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
			g := &segment{log: l, base: l.next, next: l.next + 1 + Offset(rng.IntN(10)), fd: -1, readFD: -1, sealed: true, lastTS: ts,
				recordBytes: int64(1 + rng.IntN(1000)), indexed: true}
			g.end = segmentStart + Pos(g.recordBytes)
			g.stable, g.alloc = alignUp(g.end), alignUp(g.end)
			if rng.IntN(12) == 0 {
				g.stable = segmentStart
			}
			l.segs = append(l.segs, g)
			l.next = g.next
		}
		if k := len(l.segs); k > 0 {
			l.segs[k-1].sealed = rng.IntN(3) > 0
		}
		l.hw = l.next - min(l.next, Offset(rng.IntN(4)))
		l.last, l.records = max(l.hw, 1)-1, uint64(l.hw)
		l.noteFixed()
		for i := range rng.IntN(3) {
			l.setOffset(ConsumerKey{ID: uint32(i)}, storedOffset{offset: Offset(rng.IntN(40)), count: 1, deleted: rng.IntN(4) == 0})
		}
		var rule Retention
		if rng.IntN(2) == 0 {
			rule.OlderThan = uint64(rng.IntN(40))
		}
		if rng.IntN(2) == 0 {
			rule.BytesMax = int64(rng.IntN(3000))
		}
		want := retained(l, rule)
		l.Retain(rule)
		got := 0
		if j := s.journal.gather; j != nil && len(j.marks) > 0 {
			for _, g := range l.segs {
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
