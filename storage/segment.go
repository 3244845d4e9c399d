package storage

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"
)

// A segment file is a head block, then batch records byte for byte as on the wire. Little endian.
//
//	at  size  field
//	 0     4  magic        "GSEG"
//	 4     2  version      2
//	 6     1  batch kind   1: records of the Iggy protocol 0.11
//	 7     1  reserved     0
//	 8     8  log id
//	16     8  base offset  of the first record the file may hold
//	24    16  encryption key id, 0: none
//	40    16  reserved     0; version 1: XXH3-64 of bytes 0..40, then zeros, and no more
//	56     4  generation   0 today
//	60        zeros        128 to 216: of the form of the file, zeros: plain, as it was appended
//	4088   8  checksum     XXH3-64 of bytes 0..4088
//	4096      batch records; where a block was padded, zeros up to the next block
const (
	segmentMagic   = 0x47455347
	segmentVersion = 2
	kindIggy011    = 1
	segmentStart   = Pos(BlockSize)
	segmentSumAt   = BlockSize - 8

	segmentFormAt, segmentFormEnd = 128, 216
)

// SegmentID names a segment of a log: its base offset, and which of the files that may have had it. A single node makes generation
// 0 only.
type SegmentID struct {
	Base       Offset
	Generation uint32
}

// name is the segment's file.
func (id SegmentID) name() string {
	if id.Generation == 0 {
		return fmt.Sprintf("%020d.segment", uint64(id.Base))
	}
	return fmt.Sprintf("%020d-%010d.segment", uint64(id.Base), id.Generation)
}

// parseSegmentName reads the name of a segment file.
func parseSegmentName(name string) (id SegmentID, ok bool) {
	if _, err := fmt.Sscanf(name, "%020d-%010d.segment", &id.Base, &id.Generation); err != nil || id.Generation == 0 {
		id = SegmentID{}
		if _, err := fmt.Sscanf(name, "%020d.segment", &id.Base); err != nil {
			return id, false
		}
	}
	return id, id.name() == name
}

func putSegmentHead(p []byte, log LogID, id SegmentID) {
	le := binary.LittleEndian
	p = p[:BlockSize]
	clear(p)
	le.PutUint32(p[0:], segmentMagic)
	le.PutUint16(p[4:], segmentVersion)
	p[6] = kindIggy011
	le.PutUint64(p[8:], uint64(log))
	le.PutUint64(p[16:], uint64(id.Base))
	le.PutUint32(p[56:], id.Generation)
	le.PutUint64(p[segmentSumAt:], xxh3.Hash(p[:segmentSumAt]))
}

// checkSegmentHead reports why p is not the head of that log's segment, or nil. A whole head of a newer version, or of another kind
// of batches, is ErrNewer.
func checkSegmentHead(p []byte, log LogID, id SegmentID) error {
	le := binary.LittleEndian
	if len(p) < 48 || le.Uint32(p) != segmentMagic {
		return fmt.Errorf("%w: segment head", ErrDamaged)
	}
	version, sum, generation := le.Uint16(p[4:]), uint64(0), uint32(0)
	switch {
	case version <= 1:
		sum = le.Uint64(p[40:]) ^ xxh3.Hash(p[:40])
	case len(p) < BlockSize:
		return fmt.Errorf("%w: segment head of %d bytes", ErrDamaged, len(p))
	default:
		sum, generation = le.Uint64(p[segmentSumAt:])^xxh3.Hash(p[:segmentSumAt]), le.Uint32(p[56:])
	}
	switch {
	case sum != 0 || version == 0:
		return fmt.Errorf("%w: segment head", ErrDamaged)
	case version > segmentVersion:
		return newer("segment", int(version), segmentVersion)
	case p[6] != kindIggy011:
		return fmt.Errorf("%w: a segment of batches of kind %d, this build knows kind %d", ErrNewer, p[6], kindIggy011)
	case version > 1 && !allZero(p[segmentFormAt:segmentFormEnd]):
		return fmt.Errorf("%w: a segment in form %x, this build knows plain ones", ErrNewer, p[segmentFormAt:segmentFormAt+8])
	case LogID(le.Uint64(p[8:])) != log || Offset(le.Uint64(p[16:])) != id.Base || generation != id.Generation:
		return fmt.Errorf("%w: segment of log %d base %d generation %d", ErrDamaged, le.Uint64(p[8:]), le.Uint64(p[16:]), generation)
	}
	return nil
}

// segment is one file of a log.
type segment struct {
	log     *Log
	base    Offset
	gen     uint32 // with base, its SegmentID
	next    Offset // one past its last record
	head    []byte // its first block, while it is being made
	fd      int32  // for writes, -1: closed
	readFD  int32  // for reads through the page cache, -1: closed
	end     Pos    // of its last record
	stable  Pos    // blocks below are on stable storage
	alloc   Pos    // space below is allocated
	firstTS uint64 // append time of its first record; 0: it has none, or an older build wrote it and did not say
	lastTS  uint64

	recordBytes int64
	sealed      bool
	fresh       bool  // nothing appended yet
	described   bool  // sealed when the state file was written: laps need not describe it
	users       int   // reads in flight
	used        int64 // monotonic time of the last use
	opening     bool  // readFD is being opened
	gone        bool  // removed from the log; closed when nobody uses it

	index    []indexEntry // every 64 KiB or so; complete when indexed, else of what this run wrote
	indexed  bool
	indexing bool
	found    Pos          // end of the records that recovery found
	scanned  []indexEntry // of those, while they are being indexed
	lost     bool         // the scan looks for the next batch behind damage
	waiters  requestList  // polls that wait for the index or the descriptor
}

// logDir and segmentPath name what lies where in the data directory.
func logsDir(dir string) string          { return dir + "/logs" }
func (g *segment) path() string          { return SegmentPath(g.log.s.cfg.Dir, g.log.cfg.ID, g.id()) }
func (g *segment) id() SegmentID         { return SegmentID{Base: g.base, Generation: g.gen} }
func LogDir(dir string, id LogID) string { return fmt.Sprintf("%s/logs/%016x", dir, uint64(id)) }

// SegmentPath names a segment file of a log.
func SegmentPath(dir string, log LogID, id SegmentID) string {
	return LogDir(dir, log) + "/" + id.name()
}

// full reports whether g has its share of records, or of padding: then it is sealed.
func (g *segment) full() bool {
	size := g.log.cfg.SegmentSize
	return g.recordBytes >= size || int64(g.end-segmentStart) >= size+size/4
}

// removable reports whether g may be removed at all: everything in it is visible, below hw, and on stable storage.
func (g *segment) removable(hw Offset) bool {
	return g.sealed && g.next <= hw && g.stable >= alignUp(g.end) && g.next > g.base
}

// add notes a batch that has its place in g, behind all others.
func (g *segment) add(n *pendNode) {
	if g.fresh {
		g.fresh, g.firstTS = false, n.ts
	}
	g.index = note(g.index, n.base, n.pos, n.ts)
	g.end, g.next, g.lastTS = n.pos+Pos(n.length), n.next, n.ts
	g.recordBytes += int64(n.length)
}

// startSegment makes the next segment of the log: directory, file, space, head, directory sync, one after the other.
// The appends that wait go on when it is ready; they are refused when it fails.
func startSegment(l *Log, n int) {
	if l.segs.opening {
		return
	}
	head := l.s.chunks.get(BlockSize)
	if head == nil {
		l.s.rounds.squeeze(&l.s.logs.lapped, BlockSize)
		l.retryLater()
		return
	}
	l.segs.opening = true
	if old := l.segs.active(); old != nil {
		l.seal(old)
	}
	putSegmentHead(head, l.cfg.ID, SegmentID{Base: l.bounds.next})
	g := &segment{log: l, head: head, base: l.bounds.next, next: l.bounds.next, fd: -1, readFD: -1, end: segmentStart, stable: segmentStart,
		alloc: firstAlloc(l.cfg.SegmentSize, n), fresh: true, indexed: true, lastTS: l.bounds.lastTS}
	if l.segs.dirReady {
		makeSegment(l.s, g)
		return
	}
	l.s.ops.issue(Op{Kind: OpMkdir, Path: LogDir(l.s.cfg.Dir, l.cfg.ID)}, pendingOp{done: segmentDirMade, log: l, seg: g})
}

const (
	allocMin = Pos(256 << 10)
	allocMax = Pos(64 << 20)
)

// firstAlloc is how much space a segment of that size begins with, when it is made for n bytes.
func firstAlloc(size int64, n int) Pos {
	return max(min(allocMin, alignUp(Pos(size))), alignUp(segmentStart+Pos(n)))
}

func segmentDirMade(s *Store, p *pendingOp, _ int64, err error) {
	if err != nil && !exists(err) {
		p.seg.failed(err)
		return
	}
	s.ops.issue(Op{Kind: OpSyncDir, Path: logsDir(s.cfg.Dir)}, pendingOp{done: func(s *Store, p *pendingOp, _ int64, err error) {
		if err != nil {
			unnamedDir(s, p, err)
			return
		}
		p.log.segs.dirReady = true
		makeSegment(s, p.seg)
	}, log: p.log, seg: p.seg})
}

// unnamedDir gives up the directory of a log whose name is not on stable storage. A sync that is asked for again says nothing of what the
// refused one lost, so the name is made anew with the next segment. Where others have files in it, it stays.
func unnamedDir(s *Store, p *pendingOp, refused error) {
	s.ops.issue(Op{Kind: OpRmdir, Path: LogDir(s.cfg.Dir, p.log.cfg.ID)}, pendingOp{done: func(_ *Store, p *pendingOp, _ int64, _ error) {
		p.seg.failed(refused)
	}, log: p.log, seg: p.seg})
}

func makeSegment(s *Store, g *segment) {
	s.ops.issue(Op{Kind: OpOpen, Path: g.path(), Create: true, Direct: true}, pendingOp{done: segmentOpened, log: g.log, seg: g})
}

func segmentOpened(s *Store, p *pendingOp, fd int64, err error) {
	if err != nil {
		p.seg.failed(err)
		return
	}
	p.seg.fd = int32(fd)
	s.files.opened(p.seg, s.mono)
	s.ops.issue(Op{Kind: OpFallocate, FD: p.seg.fd, Pos: 0, Len: int64(p.seg.alloc)}, pendingOp{done: segmentAllocated, log: p.log, seg: p.seg})
}

func segmentAllocated(s *Store, p *pendingOp, _ int64, err error) {
	if err != nil && !unsupported(err) {
		p.seg.failed(err)
		return
	}
	s.ops.issue(Op{Kind: OpWrite, FD: p.seg.fd, Buf: p.seg.head[:BlockSize], DSync: true}, pendingOp{done: segmentHeadWritten, log: p.log, seg: p.seg})
}

func segmentHeadWritten(s *Store, p *pendingOp, _ int64, err error) {
	if err != nil {
		p.seg.failed(err)
		return
	}
	if plantedSkipDirSync {
		p.seg.ready()
		return
	}
	s.ops.issue(Op{Kind: OpSyncDir, Path: LogDir(s.cfg.Dir, p.log.cfg.ID)}, pendingOp{done: func(_ *Store, p *pendingOp, _ int64, err error) {
		if err != nil {
			p.seg.failed(err)
			return
		}
		p.seg.ready()
	}, log: p.log, seg: p.seg})
}

func (g *segment) ready() {
	l := g.log
	l.segs.opening = false
	g.dropHead()
	l.segs.list = append(l.segs.list, g)
	l.tail.flushed = g.end
	l.noteFixed()
	l.noteChange()
	l.pump()
}

func (g *segment) dropHead() {
	g.log.s.chunks.memory.Put(g.head)
	g.head = nil
}

// failed gives a segment up that could not be made; the appends that wait are told why.
func (g *segment) failed(err error) {
	g.dropHead()
	err = spaceError(fmt.Errorf("make segment %d of log %d: %w", g.base, g.log.cfg.ID, err))
	if g.fd < 0 {
		g.given(err)
		return
	}
	// The name is free again only when the unlink is done: the next try makes the same one.
	s := g.log.s
	s.ops.issue(Op{Kind: OpClose, FD: g.fd}, pendingOp{done: ignored})
	g.fd = -1
	s.files.open--
	s.ops.issue(Op{Kind: OpUnlink, Path: g.path()}, pendingOp{done: func(*Store, *pendingOp, int64, error) { g.given(err) }})
}

// given tells the appends that wait why there is no segment for them.
func (g *segment) given(err error) {
	l := g.log
	l.segs.opening = false
	l.s.answerAll(l.wait.take(), err)
	if l.closing != nil {
		l.tryClose()
	}
}

func ignored(*Store, *pendingOp, int64, error) {}

func spaceError(err error) error {
	if FullDisk(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

func segmentReopened(s *Store, p *pendingOp, fd int64, err error) {
	l := p.log
	l.segs.opening = false
	if err != nil {
		l.s.answerAll(l.wait.take(), fmt.Errorf("open segment %d of log %d: %w", p.seg.base, l.cfg.ID, err))
	} else {
		p.seg.fd = int32(fd)
		s.files.opened(p.seg, s.mono)
		l.pump()
	}
	if l.closing != nil {
		l.tryClose()
	}
}

// step is how much space is asked for at once: as much as there is, within bounds.
func (g *segment) step() Pos { return min(allocMax, max(allocMin, alignDown(g.alloc))) }

func segmentGrown(s *Store, p *pendingOp, _ int64, err error) {
	l := p.log
	l.segs.growing = false
	need := alignUp(Pos(p.n))
	switch {
	case err == nil || unsupported(err):
		p.seg.alloc = max(p.seg.alloc, p.pos)
	case need > p.seg.alloc && need < p.pos: // not so much, but perhaps enough for what waits
		l.segs.growing = true
		s.ops.issue(Op{Kind: OpFallocate, FD: p.seg.fd, Pos: int64(p.seg.alloc), Len: int64(need - p.seg.alloc)},
			pendingOp{done: segmentGrown, log: l, seg: p.seg, pos: need, n: p.n})
		return
	case need > p.seg.alloc:
		l.s.answerAll(l.wait.take(), spaceError(fmt.Errorf("extend segment %d of log %d: %w", p.seg.base, l.cfg.ID, err)))
	}
	l.pump()
	if l.closing != nil {
		l.tryClose()
	}
}
