package storage

import (
	"errors"
	"fmt"
)

// journalPiece is how much of a journal is read at a time.
const journalPiece = 2 << 20

// nearLeast is the least that is read of a journal for a second time.
const nearLeast = 64 << 10

// pieceBuffer is what files are read through, one at a time.
type pieceBuffer struct {
	buf  []byte
	of   *blockReader // whose bytes it has
	from int64        // where they begin in the file
	n    int64        // and how many there are
}

// blockReader reads a file in pieces. Positions are whole blocks.
type blockReader struct {
	d  Disk
	fd int32
	p  *pieceBuffer
}

// at returns what is there from pos on: a block at least, or nothing at the end of the file. It is valid until the next call.
func (b *blockReader) at(pos int64) ([]byte, error) { return b.near(pos, journalPiece) }

// near is at for who wants n bytes: no more than a little beyond them is read, unless they follow what was read last.
func (b *blockReader) near(pos int64, n int) ([]byte, error) {
	p := b.p
	if p.of != b || pos < p.from || pos+BlockSize > p.from+p.n {
		buf := p.buf
		if p.of != b || pos != p.from+p.n {
			buf = buf[:min(len(buf), max(nearLeast, int(alignUp(Pos(n)))))]
		}
		p.of = nil
		k, err := b.d.Read(b.fd, buf, pos)
		if err != nil {
			return nil, err
		}
		p.of, p.from, p.n = b, pos, int64(k)
	}
	return p.buf[pos-p.from : p.n], nil
}

// journalFile is a file of the last run's journals, while they are read.
type journalFile struct {
	name     string
	shard, k int
	size     int64
	reader   blockReader
	head     journalHead // zero: it has none that can be read
	ofRun    bool        // it holds a whole group of the run
}

// openFile opens a journal file for reads around the page cache.
func (j *journalScan) openFile(name string) (*journalFile, error) {
	f := &journalFile{name: name, shard: -1}
	path := j.r.cfg.Dir + "/journal/" + name
	var shard, k int
	if _, err := fmt.Sscanf(name, "shard-%04d-%d.journal", &shard, &k); err == nil {
		f.shard, f.k = shard, k
	}
	var err error
	if f.size, err = j.r.d.Size(path); err != nil {
		return nil, err
	}
	if f.shard >= 0 && f.size > journalBytesMax { // a log table is as large as its logs want it
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are expected", ErrDamaged, path, f.size, int64(journalBytesMax))
	}
	fd, err := j.r.d.Open(path, false, true)
	if err != nil {
		return nil, err
	}
	f.reader = blockReader{d: j.r.d, fd: fd, p: &j.piece}
	j.files = append(j.files, f)
	return f, nil
}

// scan looks at every block of a file for the beginning of a group. Of a group its head and its place are kept, and its bytes as long as
// there is room for them.
func (j *journalScan) scan(f *journalFile) error {
	first := j.r.super.first
	for at := int64(0); at+BlockSize <= f.size; {
		p, err := f.reader.at(at)
		if err != nil {
			return err
		}
		if len(p) < BlockSize {
			return nil
		}
		if at == 0 {
			f.head = decodeJournalHead(p, j.r.super.seed)
		}
		h, err := decodeHead(p, j.r.super.seed)
		if err == nil && h.version == 1 && f.head.first == first {
			err = errGroup // the build that began the file writes no such groups: a message may look like this head, which has no checksum
		}
		var g *foundGroup
		if err == nil {
			g = &foundGroup{head: h, file: f, pos: at}
			err = j.whole(g)
		}
		switch {
		case errors.Is(err, ErrNewer) && h.first == first:
			return fmt.Errorf("%s: %w", f.name, err)
		case err == errTorn && h.first == first:
			j.torn[h.shard] = max(j.torn[h.shard], h.number)
		case err != nil && err != errGroup && err != errTorn && !errors.Is(err, ErrNewer):
			return err
		}
		if err != nil {
			if g != nil {
				j.forget(g)
			}
			at += BlockSize
			continue
		}
		j.found(g)
		at += int64(h.size)
	}
	return nil
}

// whole reads the group and compares its checksum: errTorn, or errGroup if the file ends before it does.
func (j *journalScan) whole(g *foundGroup) error {
	h, at := &g.head, g.pos
	end := at + int64(h.size)
	if end > g.file.size {
		return errGroup
	}
	j.keep(g)
	p, err := g.file.reader.at(at)
	if err != nil {
		return err
	}
	p = p[:min(int64(len(p)), int64(h.size))]
	j.sum.begin(h, p, j.r.super.seed)
	for {
		copy(g.bytes[min(int64(len(g.bytes)), at-g.pos):], p)
		if at += int64(len(p)); at >= end {
			break
		}
		if p, err = g.file.reader.at(at); err != nil {
			return err
		}
		if p = p[:min(int64(len(p)), end-at)]; len(p) == 0 {
			return errGroup
		}
		j.sum.write(p)
	}
	return h.check(j.sum.hash.Sum64())
}

// found notes a whole group.
func (j *journalScan) found(g *foundGroup) {
	h := &g.head
	j.highest = max(j.highest, h.number)
	j.newestRun = max(j.newestRun, h.first)
	if h.first != j.r.super.first && !plantedRecycledBlock {
		return // of an earlier run: retired
	}
	g.file.ofRun = true
	s := j.shards[int(h.shard)]
	if s == nil {
		s = &shardGroups{groups: map[uint64]*foundGroup{}}
		j.shards[int(h.shard)] = s
	}
	if h.number > s.top.number {
		s.top = *h
	}
	if h.flags&groupLap != 0 && h.number > s.lap {
		s.lap = h.number
		for n, old := range s.groups {
			if n < s.lap {
				j.forget(old)
				delete(s.groups, n)
			}
		}
	}
	if h.number < s.lap {
		j.forget(g)
		return
	}
	if old := s.groups[h.number]; old != nil {
		j.forget(old)
	}
	s.groups[h.number] = g
}

// readMarked reads the last group of every shard from where the superblock says that it lies, and nothing else: the last run ended
// in order, and these groups hold all that is still needed. False: one is not there as it was written.
func (j *journalScan) readMarked() (bool, error) {
	s := &j.r.super
	for i := range s.marks[:s.markCount] {
		m := &s.marks[i]
		f, err := j.openFile(journalName(i, int(m.file&1)))
		if notExist(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		at := int64(m.block) * BlockSize
		p, err := f.reader.at(at)
		if err != nil {
			return false, err
		}
		h, err := decodeHead(p, s.seed)
		g := &foundGroup{head: h, file: f, pos: at}
		if err == nil {
			err = j.whole(g)
		}
		const last = groupLap | groupClean
		if err != nil || h.number != m.number || h.first != s.first || int(h.shard) != i || h.flags&last != last {
			return false, nil
		}
		j.found(g)
		j.chain = append(j.chain, g)
	}
	j.count = len(j.chain)
	j.clean = true
	return true, nil
}
