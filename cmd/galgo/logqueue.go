package main

import (
	"io"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

const (
	// logQueueBytes bounds what waits to be written: some thousands of lines.
	logQueueBytes = 1 << 20
	// logFlushMax is how long the end of the process waits for lines that are not written yet.
	logFlushMax = 2 * time.Second
)

// logQueue takes lines without waiting, and has one goroutine write them: what reads the log may be slow, or gone, and must not
// stop who logs. Lines beyond the bound are dropped and counted; when writing works again, a line says how many.
type logQueue struct {
	out   io.Writer
	lost  func(n uint64) []byte // the line that says so
	bytes int                   // bound
	news  chan struct{}         // holds one: there is something to write
	idle  chan struct{}         // holds one: all is written

	mu      sync.Mutex // held for the time of a copy
	lines   []byte
	dropped uint64
	writing bool
}

var _ zapcore.WriteSyncer = (*logQueue)(nil)

// newLogQueue writes to out until the process ends.
func newLogQueue(out io.Writer, bytes int, lost func(n uint64) []byte) *logQueue {
	q := &logQueue{out: out, lost: lost, bytes: bytes, news: make(chan struct{}, 1), idle: make(chan struct{}, 1)}
	go q.run()
	return q
}

// Write takes whole lines. It never fails and never waits for the reader.
func (q *logQueue) Write(p []byte) (int, error) {
	q.mu.Lock()
	if len(q.lines)+len(p) <= q.bytes {
		q.lines = append(q.lines, p...)
	} else {
		q.dropped++
	}
	q.mu.Unlock()
	signal1(q.news)
	return len(p), nil
}

// Sync waits until all that was logged before is written, but no longer than logFlushMax.
func (q *logQueue) Sync() error {
	timeout := time.NewTimer(logFlushMax)
	defer timeout.Stop()
	for !q.written() {
		select {
		case <-q.idle:
		case <-timeout.C:
			return nil // nobody reads it: not worth more of the process's end
		}
	}
	signal1(q.idle) // for others that wait
	return nil
}

func (q *logQueue) written() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lines) == 0 && q.dropped == 0 && !q.writing
}

// run is the goroutine that writes.
func (q *logQueue) run() {
	var spare []byte
	for range q.news {
		for {
			q.mu.Lock()
			lines, dropped := q.lines, q.dropped
			q.lines, q.dropped = spare[:0], 0
			q.writing = len(lines) > 0 || dropped > 0
			more := q.writing
			q.mu.Unlock()
			spare = lines
			if !more {
				signal1(q.idle)
				break
			}
			_, _ = q.out.Write(lines) // an error would have nowhere to be said
			if dropped > 0 {
				_, _ = q.out.Write(q.lost(dropped))
			}
		}
	}
}

// signal1 leaves a sign for who waits at c, if there is none yet.
func signal1(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
