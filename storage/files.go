package storage

import "sort"

// Descriptors. A segment's files stay open while it is used; when a store has more open than it may, those that were used
// longest ago are closed and opened again when they are wanted. A segment that still has to be written keeps its
// descriptor: a quiet log is padded first, so that all of it lies in its blocks.

// filesPause is the least time between two looks at all segments, in nanoseconds.
const filesPause = 100e6

// opened counts a descriptor.
func (s *Store) opened(g *segment) {
	s.open++
	g.used = s.mono
}

// closeQuiet closes descriptors that nobody has used for longest, down to three quarters of what may be open.
func (s *Store) closeQuiet() {
	if s.open <= s.cfg.FilesMax || s.mono < s.nextFiles {
		return
	}
	s.nextFiles = s.mono + filesPause
	var idle []*segment
	for _, l := range s.order {
		for _, g := range l.segs.list {
			if (g.fd >= 0 || g.readFD >= 0) && g.idle() {
				idle = append(idle, g)
			}
		}
	}
	sort.Slice(idle, func(i, j int) bool {
		a, b := idle[i], idle[j]
		return a.used < b.used || a.used == b.used && (a.log.cfg.ID < b.log.cfg.ID || a.log == b.log && a.base < b.base)
	})
	for _, g := range idle {
		if s.open <= s.cfg.FilesMax/4*3 {
			return
		}
		if l := g.log; !g.sealed && l.tail.flushed < g.end {
			l.pad() // closed the next time
			continue
		}
		g.closeFiles()
	}
}

// idle reports whether no operation on g is in flight or waits.
func (g *segment) idle() bool {
	l := g.log
	if g.users > 0 || g.opening || g.indexing || !g.waiters.empty() || l.segs.opening || l.fenced != nil || l.leaving != nil || l.closing != nil {
		return false
	}
	if !l.wait.empty() || l.segs.growing && g == l.segs.active() {
		return false
	}
	return !l.tail.writesTo(g)
}
