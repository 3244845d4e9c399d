package main

import (
	"fmt"
	"strings"
	"testing"
)

// gate is a reader that takes nothing until it is opened.
type gate struct {
	open chan struct{}
	text text
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.text.Write(p)
}

// TestLogQueueDropsAndSaysHowMany: lines that fit are written in order once somebody reads, those beyond are counted, and a
// line says how many; nothing that is logged waits.
func TestLogQueueDropsAndSaysHowMany(t *testing.T) {
	out := &gate{open: make(chan struct{})}
	q := newLogQueue(out, 1000, func(n uint64) []byte { return fmt.Appendf(nil, "lost %d\n", n) })
	const lines = 500
	for i := range lines {
		if n, err := fmt.Fprintf(q, "line %04d\n", i); n != 10 || err != nil {
			t.Fatalf("line %d: %d, %v", i, n, err)
		}
	}
	close(out.open)
	if err := q.Sync(); err != nil {
		t.Fatal(err)
	}
	written := strings.Split(strings.TrimSuffix(out.text.String(), "\n"), "\n")
	var lost, kept int
	last := -1
	for _, line := range written {
		var n int
		if _, err := fmt.Sscanf(line, "lost %d", &n); err == nil {
			lost += n
			continue
		}
		if _, err := fmt.Sscanf(line, "line %d", &n); err != nil || n <= last {
			t.Fatalf("line %q after line %d", line, last)
		}
		last = n
		kept++
	}
	if kept < 100 || kept > 200 || lost != lines-kept { // one bound's worth being written, another waiting
		t.Errorf("%d lines written, %d said to be lost, of %d", kept, lost, lines)
	}
	fmt.Fprintln(q, "line 9999")
	_ = q.Sync()
	if !strings.HasSuffix(out.text.String(), "line 9999\n") {
		t.Error("after the loss nothing is written any more")
	}
}

// TestLogQueueFlushIsBounded: a reader that never comes does not keep the process.
func TestLogQueueFlushIsBounded(t *testing.T) {
	out := &gate{open: make(chan struct{})}
	defer close(out.open)
	q := newLogQueue(out, 1000, func(uint64) []byte { return nil })
	fmt.Fprintln(q, "nobody reads this")
	if err := q.Sync(); err != nil {
		t.Error(err)
	}
}
