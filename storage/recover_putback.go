package storage

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
)

// putBack writes what only journals hold into its segment, where it differs, and cuts every segment at its end.
func (l *logRecovery) putBack() error {
	touched := false
	named := l.journaled.named()
	for i := range l.st.Segments {
		g := &l.st.Segments[i]
		last := i == len(l.st.Segments)-1
		if l.journaled.pieces[g.ID()] == nil && !named[g.ID()] && !last {
			if err := l.checkThere(g); err != nil {
				return err
			}
			continue
		}
		touched = true
		if err := l.putBackSegment(g); err != nil {
			return err
		}
	}
	if !touched {
		return nil
	}
	err := l.r.d.SyncDir(LogDir(l.r.cfg.Dir, l.st.ID))
	if notExist(err) {
		return nil // its segments are missing, and that is reported
	}
	return err
}

// checkThere reports a segment that is missing or too short.
func (l *logRecovery) checkThere(g *SegmentState) error {
	size, err := l.files.size(g.ID())
	if err != nil && !notExist(err) {
		return err
	}
	if err != nil || size < int64(g.End) {
		l.damaged(fmt.Errorf("%w: segment %d has %d bytes, %d are expected", ErrDamaged, g.Base, size, g.End))
	}
	return nil
}

func (l *logRecovery) putBackSegment(g *SegmentState) error {
	fd, err := l.files.open(g.ID())
	if notExist(err) {
		l.damaged(fmt.Errorf("%w: segment %d is missing", ErrDamaged, g.Base))
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.checkHead(fd, g); err != nil {
		return err
	}
	if quiet, err := l.quiet(g); err != nil || quiet {
		return err
	}
	if err := l.writePieces(fd, g); err != nil {
		return err
	}
	if !plantedHoleNotCut {
		size, err := l.files.size(g.ID())
		if err != nil {
			return err
		}
		switch want := int64(alignUp(g.End)); {
		case size > want:
			if err := l.r.d.Truncate(fd, want); err != nil {
				return err
			}
		case size < int64(g.End):
			l.damaged(fmt.Errorf("%w: segment %d has %d bytes, %d are expected", ErrDamaged, g.Base, size, g.End))
		}
	}
	return l.r.d.Sync(fd) // also when nothing was written: a block may lie in the page cache only, of whatever run
}

// quiet reports whether the last run, which ended in order, left nothing to do in g: the journals have no bytes of it, so that all
// its blocks are on stable storage, and it ends where it should. Of ten thousand logs nearly all are; a sync of each would
// take seconds.
func (l *logRecovery) quiet(g *SegmentState) (bool, error) {
	if !l.r.journal.clean || l.rewrite || l.journaled.side != nil || len(l.journaled.piecesOf(g.ID()).list) > 0 || l.journaled.named()[g.ID()] {
		return false, nil
	}
	size, err := l.files.size(g.ID())
	return err == nil && size == int64(alignUp(g.End)), err
}

func (l *logRecovery) checkHead(fd int32, g *SegmentState) error {
	buf := l.r.cfg.Memory.Get(BlockSize)
	if buf == nil {
		return ErrNoMemory
	}
	defer l.r.cfg.Memory.Put(buf)
	n, err := l.r.d.Read(fd, buf, 0)
	if err != nil {
		return err
	}
	err = checkSegmentHead(buf[:n], l.st.ID, g.ID())
	if errors.Is(err, ErrNewer) {
		return fmt.Errorf("segment %d: %w", g.Base, err)
	}
	if err != nil {
		l.damaged(fmt.Errorf("segment %d: %w", g.Base, err))
	}
	return nil
}

const windowBytes = 256 << 10

// writePieces writes the journals' bytes below the segment's end, block by block, where the disk has others. The rest of
// the last block is zero.
func (l *logRecovery) writePieces(fd int32, g *SegmentState) error {
	w := window{l: l, fd: fd, g: g}
	w.buf, w.old = l.r.cfg.Memory.Get(windowBytes), l.r.cfg.Memory.Get(windowBytes)
	defer w.close()
	if w.buf == nil || w.old == nil {
		return ErrNoMemory
	}
	places, err := l.places(g)
	if err != nil {
		return err
	}
	for _, x := range places {
		for at := x.from; at < x.to; at += windowBytes {
			if err := w.write(at, min(at+windowBytes, x.to)); err != nil {
				return err
			}
		}
	}
	return nil
}

type blockRange struct{ from, to Pos }

// places returns the blocks that have to be looked at, in order and merged: those that journals have bytes of, unless they are settled, the
// last one, and after a failed sync those of direct batches, whose bytes no journal has.
func (l *logRecovery) places(g *SegmentState) ([]blockRange, error) {
	var all []blockRange
	add := func(from, to Pos) {
		if from, to = alignDown(from), alignUp(min(to, g.End)); from < to {
			all = append(all, blockRange{from, to})
		}
	}
	settled, err := l.settled(g.ID())
	if err != nil {
		return nil, err
	}
	for _, p := range l.journaled.piecesOf(g.ID()).list {
		if p.end() > settled {
			add(p.pos, p.end())
		}
	}
	if !plantedHoleNotCut {
		add(g.End-1, g.End)
	}
	for i := range l.journaled.list {
		if e := &l.journaled.list[i]; l.rewrite && e.kind == entryDirect && e.segment() == g.ID() {
			add(e.pos, e.pos+Pos(e.length))
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].from < all[j].from })
	merged := all[:0]
	for _, x := range all {
		if k := len(merged); k > 0 && x.from <= merged[k-1].to {
			merged[k-1].to = max(merged[k-1].to, x.to)
			continue
		}
		merged = append(merged, x)
	}
	return merged, nil
}

// window is a part of a segment that is being made what it has to be.
type window struct {
	l        *logRecovery
	fd       int32
	g        *SegmentState
	buf, old []byte
}

func (w *window) close() {
	for _, b := range [][]byte{w.buf, w.old} {
		if b != nil {
			w.l.r.cfg.Memory.Put(b)
		}
	}
}

// write writes the blocks of [from, to) that are not as they have to be.
func (w *window) write(from, to Pos) error {
	buf, old := w.buf[:to-from], w.old[:to-from]
	clear(old)
	n, err := w.l.r.d.Read(w.fd, old, int64(from))
	if err != nil {
		return err
	}
	copy(buf, old)
	if err := w.l.journaled.over(w.g.ID(), buf, from); err != nil {
		return err
	}
	if end := w.g.End - from; end < Pos(len(buf)) && !plantedHoleNotCut {
		clear(buf[end:])
	}
	same := func(at int) bool {
		return at+BlockSize <= n && bytes.Equal(buf[at:at+BlockSize], old[at:at+BlockSize]) && !w.l.rewrite
	}
	for at := 0; at < len(buf); {
		if same(at) {
			at += BlockSize
			continue
		}
		end := at + BlockSize
		for end < len(buf) && !same(end) {
			end += BlockSize
		}
		if err := w.l.r.d.Write(w.fd, buf[at:end], int64(from)+int64(at)); err != nil {
			return err
		}
		at = end
	}
	return nil
}
