package diagnose

import (
	"bytes"
	"sync"
)

// LogBytes is how much of the log is kept for the archive.
const LogBytes = 1 << 20

// Log keeps the end of what is written to it. It is written beside the real log, and never fails or waits: a reader holds it
// for the time of a copy.
type Log struct {
	mu   sync.Mutex
	ring []byte
	next int // where the next byte goes; all behind it is older, once the ring is full
	full bool
}

// NewLog keeps the last max bytes.
func NewLog(max int) *Log { return &Log{ring: make([]byte, max)} }

// Write takes one or more lines.
func (l *Log) Write(p []byte) (int, error) {
	n := len(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	if cut := len(p) - len(l.ring); cut > 0 {
		p = p[cut:]
	}
	k := copy(l.ring[l.next:], p)
	l.next += k
	if l.next == len(l.ring) {
		l.full, l.next = true, copy(l.ring, p[k:])
	}
	return n, nil
}

// Sync does nothing: this is memory.
func (l *Log) Sync() error { return nil }

// Lines returns a copy of what is kept, without the rest of a line whose beginning is not.
func (l *Log) Lines() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.full {
		return bytes.Clone(l.ring[:l.next])
	}
	all := append(bytes.Clone(l.ring[l.next:]), l.ring[:l.next]...)
	_, whole, _ := bytes.Cut(all, []byte("\n"))
	return whole
}
