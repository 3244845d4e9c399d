package storage

import (
	"fmt"
	"sort"

	"github.com/galgo-mq/galgo/batch"
)

// indexEntry says that the batch with that base offset and append time lies at pos.
type indexEntry struct {
	offset Offset
	pos    Pos
	ts     uint64
}

// indexStep is how many bytes lie between two entries of a segment's index, at least.
const indexStep = 64 << 10

// note adds a batch to a sparse index. Batches come in order.
func note(ix []indexEntry, offset Offset, pos Pos, ts uint64) []indexEntry {
	if k := len(ix); k > 0 && pos-ix[k-1].pos < indexStep {
		return ix
	}
	return append(ix, indexEntry{offset, pos, ts})
}

// floorOffset returns the position of the last indexed batch at or before offset.
func floorOffset(ix []indexEntry, offset Offset) (indexEntry, bool) {
	i := sort.Search(len(ix), func(i int) bool { return ix[i].offset > offset })
	if i == 0 {
		return indexEntry{}, false
	}
	return ix[i-1], true
}

// ceilOffset returns the first indexed batch at or after offset.
func ceilOffset(ix []indexEntry, offset Offset) (indexEntry, bool) {
	i := sort.Search(len(ix), func(i int) bool { return ix[i].offset >= offset })
	if i == len(ix) {
		return indexEntry{}, false
	}
	return ix[i], true
}

// floorTime returns the last indexed batch that is older than ts; what is sought lies at it or behind it.
func floorTime(ix []indexEntry, ts uint64) (indexEntry, bool) {
	i := sort.Search(len(ix), func(i int) bool { return ix[i].ts >= ts })
	if i == 0 {
		return indexEntry{}, false
	}
	return ix[i-1], true
}

// boundary returns where a batch that begins at pos has ended for certain: the next one that is indexed, or the end.
func (g *segment) boundary(pos Pos) Pos {
	i := sort.Search(len(g.index), func(i int) bool { return g.index[i].pos > pos })
	if i == len(g.index) {
		return g.end
	}
	return g.index[i].pos
}

// prepare makes g readable: its descriptor open and its index complete. Polls that wait go on then.
func (g *segment) prepare() {
	s := g.log.s
	switch {
	case g.gone:
		g.wakeWaiters(nil)
	case g.readFD < 0 && !g.opening:
		g.opening = true
		g.use()
		s.ops.issue(Op{Kind: OpOpen, Path: g.path()}, pendingOp{done: segmentReadable, log: g.log, seg: g})
	case g.readFD >= 0 && !g.indexed && !g.indexing:
		g.indexing = true
		s.reading.indexing = append(s.reading.indexing, g)
		g.use()
		g.scanned, g.lost = g.scanned[:0], false
		g.scan(segmentStart, readMin)
	case g.readFD >= 0 && g.indexed:
		g.wakeWaiters(nil)
	case g.indexing && s.reading.scanWaits(g):
		g.letGo()
	}
}

// letGo has the polls that wait for the index of g hold no memory while there is none to make it: nobody else may have any. They end with what
// they have; those for the last records begin again when the index is there.
func (g *segment) letGo() {
	s := g.log.s
	for r := g.waiters.take(); r != nil; {
		next := r.next
		switch {
		case r.Kind == ReqLoad || len(r.bufs) == 0:
			g.waiters.push(r)
		case r.Strategy == FromLast: // less would be without the newest
			s.Release(r)
			r.Records, r.Bytes, r.poll.anew = 0, 0, true
			g.waiters.push(r)
		default:
			r.next = nil
			g.log.follow(r, step{kind: stepFinish})
		}
		r = next
	}
}

func segmentReadable(s *Store, p *pendingOp, fd int64, err error) {
	g := p.seg
	g.opening = false
	if err == nil {
		g.readFD = int32(fd)
		s.files.opened(g, s.mono)
	}
	g.release()
	if err != nil && !g.gone {
		if notExist(err) {
			err = fmt.Errorf("%w: segment %d of log %d is missing", ErrDamaged, g.base, g.log.cfg.ID)
		}
		g.wakeWaiters(err)
		return
	}
	g.prepare()
}

// wakeWaiters lets the polls and owed replies go on that waited for g, or answers them with err.
func (g *segment) wakeWaiters(err error) {
	for r := g.waiters.take(); r != nil; {
		next := r.next
		r.next = nil
		switch {
		case r.Kind == ReqLoad && err != nil:
			g.log.s.answer(r, err)
		case r.Kind == ReqLoad:
			g.log.s.load(r)
		case err != nil:
			g.log.s.failPoll(r, err)
		case r.poll.anew:
			g.log.poll(r)
		default:
			g.log.follow(r, g.log.s.reading.of(g.log).fromDisk(r))
		}
		r = next
	}
}

const scanBytes = 1 << 20

// scan reads on from pos, at least n bytes, and notes every batch it passes, up to what this run has written: that is
// noted already, and may be on its way.
func (g *segment) scan(pos Pos, n int) {
	s := g.log.s
	if pos >= g.found || g.gone {
		g.endScan(nil)
		return
	}
	n = int(min(Pos(max(n, scanBytes)), g.found-pos))
	buf := s.reading.get(n)
	if buf == nil {
		s.reading.wait(scanWaiting{g, pos, n})
		g.letGo()
		return
	}
	s.ops.issue(Op{Kind: OpRead, FD: g.readFD, Pos: int64(pos), Buf: buf}, pendingOp{done: segmentScanned, log: g.log, seg: g, buf: buf, pos: pos})
}

func segmentScanned(s *Store, p *pendingOp, res int64, err error) {
	g := p.seg
	pos, bad := p.pos, false
	if err == nil {
		data := p.buf[:res]
		if g.lost {
			data, pos = g.resync(data, pos)
		}
		if !g.lost {
			g.scanned, pos, bad = g.indexBatches(g.scanned, data, pos, g.found)
		}
		bad = bad || pos == p.pos && res < int64(len(p.buf))
	}
	s.reading.memory.Put(p.buf)
	if err != nil {
		g.endScan(err)
		return
	}
	if bad {
		s.report("damaged segment", g.log.cfg.ID, fmt.Errorf("%w: log %d, segment %d: no batch at byte %d", ErrDamaged, g.log.cfg.ID, g.base, pos))
		g.lost = true
		pos++
	}
	g.scan(pos, scanBytes)
}

// resync looks for the next batch behind damage. A poll that wants what is behind it begins there; one that comes to the
// damage is told.
func (g *segment) resync(data []byte, pos Pos) ([]byte, Pos) {
	after, ts := g.base, uint64(0)
	if k := len(g.scanned); k > 0 {
		after, ts = g.scanned[k-1].offset+1, g.scanned[k-1].ts
	}
	i := 0
	for ; i+batch.HeaderSize <= len(data); i++ {
		if n, ok := batch.Peek(data[i:]); ok && pos+Pos(i+n) <= g.found {
			b := batch.Batch(data[i : i+batch.HeaderSize])
			if b.BaseOffset() >= after && b.BaseOffset() < g.next && b.PartitionID() == g.log.cfg.Partition &&
				b.BaseTimestamp() >= ts && b.BaseTimestamp() <= g.lastTS {
				g.lost = false
				g.scanned = append(g.scanned, indexEntry{b.BaseOffset(), pos + Pos(i), b.BaseTimestamp()})
				return data[i:], pos + Pos(i)
			}
		}
	}
	if i == 0 || pos+Pos(len(data)) >= g.found {
		return nil, g.found
	}
	return nil, pos + Pos(i)
}

// indexBatches notes in ix the batches whose headers lie in data, which begins at pos, and returns where to read on. The last
// record ends at end. bad: there is something else.
func (g *segment) indexBatches(ix []indexEntry, data []byte, pos, end Pos) (_ []indexEntry, next Pos, bad bool) {
	i := 0
	for i+batch.HeaderSize <= len(data) {
		n, ok := batch.Peek(data[i:])
		if !ok {
			skip, zero := paddingAt(data[i:], pos+Pos(i))
			if !zero {
				return ix, pos + Pos(i), true
			}
			i += skip
			continue
		}
		b := batch.Batch(data[i : i+batch.HeaderSize])
		if k := len(ix); k > 0 && (b.BaseOffset() < ix[k-1].offset || b.BaseTimestamp() < ix[k-1].ts) ||
			b.BaseOffset() >= g.next || b.BaseTimestamp() > g.lastTS || pos+Pos(i+n) > end {
			return ix, pos + Pos(i), true
		}
		ix = note(ix, b.BaseOffset(), pos+Pos(i), b.BaseTimestamp())
		i += n
	}
	if i < len(data) && pos+Pos(len(data)) >= end {
		return ix, end, false
	}
	return ix, pos + Pos(i), false
}

// endScan ends the making of the index.
func (g *segment) endScan(err error) {
	g.indexing = false
	g.log.s.reading.indexed(g)
	if g.indexed = err == nil; g.indexed {
		g.index = append(g.scanned, g.index...)
		g.scanned = nil
	}
	g.release()
	g.wakeWaiters(err)
}

// busy reports whether g is read, or polls wait for it.
func (g *segment) busy() bool { return g.users > 0 || g.opening || g.indexing || !g.waiters.empty() }

// use begins a use of the segment's descriptors, which ends with release.
func (g *segment) use() {
	g.users++
	g.log.segs.uses++
}

// release ends one use of the segment's descriptors; a removed segment closes with the last one.
func (g *segment) release() {
	g.log.segs.uses--
	if g.users--; g.users == 0 && g.gone {
		g.closeFiles()
	}
}

// leave takes g out of its log: it closes when nobody reads it any more.
func (g *segment) leave() {
	if g.gone = true; g.users == 0 {
		g.closeFiles()
	}
}

func (g *segment) closeFiles() {
	s := g.log.s
	for _, fd := range []*int32{&g.fd, &g.readFD} {
		if *fd >= 0 {
			s.files.open--
			s.ops.issue(Op{Kind: OpClose, FD: *fd}, pendingOp{done: ignored})
			*fd = -1
		}
	}
}
