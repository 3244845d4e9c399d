package front

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/peek"
)

// begins is the recogniser of what begins with a word.
func begins(word string) wire.Recogniser {
	return func(p []byte, _ int) wire.Verdict {
		switch {
		case bytes.HasPrefix(p, []byte(word)):
			return wire.Mine
		case strings.HasPrefix(word, string(p)):
			return wire.NeedMore
		}
		return wire.NotMine
	}
}

// TestFirstRecogniserThatKnows: the order of the protocols decides, also where one behind could say sooner; what none knows is closed. It is
// the same wherever the bytes are cut.
func TestFirstRecogniserThatKnows(t *testing.T) {
	undecided := func([]byte, int) wire.Verdict { return wire.NeedMore }
	f := func(in string, recognisers map[string]wire.Recogniser, order []string, want, answer string) {
		t.Helper()
		for _, piece := range []int{0, 1, 3, 50} {
			r := newRig(t, one, func(c *Config) {
				c.Protocols = nil
				for _, name := range order {
					c.Protocols = append(c.Protocols, Protocol{Name: name, Recognise: recognisers[name], Answer: name + "!"})
				}
			}, 64<<20, nil)
			k, _ := r.connect(false)
			k.in, k.piece = []byte(in), piece
			r.until("the peer is told", func() bool { return r.newsOf(Foreign) > 0 })
			k.ended = true
			r.turns(3)
			r.now += int64(endGrace) // where more came in nothing is read, and the end is not seen
			r.turn()
			r.f.Sweep()
			r.until("the connection is closed", func() bool { return k.closed })
			n := r.news[slices.IndexFunc(r.news, func(n News) bool { return n.Kind == Foreign })]
			if n.Speaks != want || string(k.out) != answer {
				t.Errorf("%q in pieces of %d: %s, answered %q; want %s, %q", in, piece, n.Speaks, k.out, want, answer)
			}
			r.nothingLeft()
		}
	}
	words := map[string]wire.Recogniser{"a": begins("abc"), "abcdef": begins("abcdef"), "x": begins("xyz"), "never": undecided}
	f("abcdef", words, []string{"a", "abcdef"}, "a", "a!")
	f("abcdef", words, []string{"abcdef", "a"}, "abcdef", "abcdef!")
	f("abcdeg", words, []string{"x", "abcdef", "a"}, "a", "a!")
	f("else", words, []string{"x", "abcdef", "a"}, "nothing known", "")
	long := "abc" + strings.Repeat("-", wire.FirstBytesMax)
	f(long, words, []string{"never", "x", "a"}, "a", "a!")
	f(long, words, []string{"never", "x"}, "nothing known", "")
}

// TestUndecidedFirstBytesHaveTheirTime: who sends fewer bytes than it takes to tell is not waited for without end.
func TestUndecidedFirstBytesHaveTheirTime(t *testing.T) {
	r := newRig(t, one, func(c *Config) {
		c.Protocols = []Protocol{{Name: "a", Recognise: begins("abc"), Dialect: one}}
	}, 64<<20, nil)
	k, _ := r.connect(false)
	k.in = []byte("ab")
	r.turns(3)
	r.now += int64(peekMax)
	r.turn()
	r.f.Sweep()
	r.turns(3)
	if !k.closed || !slices.Equal(r.why(), []string{"request too slow"}) {
		t.Errorf("closed: %v, %v", k.closed, r.why())
	}
	r.nothingLeft()
}

// TestEachConnectionItsDialect: connections of one port speak different ones, each with its window.
func TestEachConnectionItsDialect(t *testing.T) {
	other := func(p []byte, _ int) wire.Verdict {
		if len(p) < 10 {
			return wire.NeedMore
		}
		if p[8] == 77 {
			return wire.Mine
		}
		return wire.NotMine
	}
	r := newRig(t, one, func(c *Config) {
		c.Protocols = []Protocol{{Name: "wide", Recognise: other, Dialect: toy{4, false}}, {Name: "narrow", Recognise: peek.Is(peek.Today), Dialect: one}}
	}, 64<<20, nil)
	r.hold = true
	wide, wideID := r.connect(true)
	narrow, narrowID := r.connect(true)
	for n := range uint64(3) {
		wide.in = append(wide.in, toyFrame(77+n, 40)...)
		narrow.in = append(narrow.in, toyFrame(1+n, 40)...)
	}
	r.turns(5)
	if w, n := r.taken[wideID], r.taken[narrowID]; !slices.Equal(w, []uint64{77, 78, 79}) || !slices.Equal(n, []uint64{1}) {
		t.Errorf("%v and %v are under way, want all of the first and one of the second", w, n)
	}
	r.hold = false
	wide.ended, narrow.ended = true, true
	r.until("both are closed", func() bool { return wide.closed && narrow.closed })
	r.nothingLeft()
}
