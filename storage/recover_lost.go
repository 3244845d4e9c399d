package storage

import (
	"fmt"
	"strings"

	"github.com/galgo-mq/galgo/batch"
)

// What a run has is named in the superblock: how many shards, two files each, of which size. Each file says in its first block of
// which run it is. A start that misses one has lost what was acknowledged, and says so instead of going on. With AcceptLoss it goes
// on: logs are followed through their segments as far as these hold whole batches, and go on behind every offset that may have
// been told.

// checkFiles refuses a directory whose journals are not those of its superblock.
func (j *journalScan) checkFiles() error {
	s := &j.r.super
	var why []string
	lose := func(shard int, format string, args ...any) {
		why = append(why, fmt.Sprintf(format, args...))
		if shard >= 0 {
			j.holes[shard] = ^uint64(0)
		}
	}
	if j.newestRun > s.first {
		lose(-1, "the journals are of a run that began with group %d, and %s is of an older one, that began with group %d", j.newestRun, SuperblockName, s.first)
	}
	have := map[string]*journalFile{}
	for _, f := range j.files {
		have[f.name] = f
	}
	for _, f := range j.missedOfVersion1(have) {
		lose(f.shard, "%s is missing", f.name)
		j.bytes = 2 * journalBytesMax
	}
	if s.flags&superJournalsMade != 0 {
		j.bytes = max(j.bytes, 2*uint64(s.shards)*s.journalBytes)
		for i := range 2 * int(s.shards) {
			name := journalName(i/2, i%2)
			switch f := have[name]; {
			case f == nil || f.size < BlockSize:
				lose(i/2, "%s is missing", name)
			case f.head.first == s.first:
			case f.ofRun:
				j.r.report("damaged journal", 0, fmt.Errorf("%w: the first block of %s", ErrDamaged, name))
			case f.head.first == 0:
				lose(i/2, "%s is not of this run", name)
			default:
				lose(i/2, "%s is of an older run, that began with group %d", name, f.head.first)
			}
		}
	}
	if len(why) == 0 || plantedJournalsNotMissed {
		return nil
	}
	err := fmt.Errorf("%w: %s", ErrDamaged, strings.Join(why, ", "))
	if !j.r.cfg.AcceptLoss {
		return fmt.Errorf("%w: journals hold messages, offsets and metadata that were acknowledged: put the files of the last run back, or start once with --accept-loss to go on without what they held", err)
	}
	j.lost, j.clean = true, false
	j.r.report("the loss of journals is accepted", 0, err)
	return nil
}

// missedOfVersion1 lists what is missing of a directory whose superblock is of version 1, which does not say how many journals there are: the
// first shard's, and those up to the highest that is there, if a group tells that all had been made.
func (j *journalScan) missedOfVersion1(have map[string]*journalFile) (missed []journalFile) {
	top := -1
	for _, f := range j.files {
		top = max(top, f.shard)
	}
	if s := &j.r.super; s.bootNumber != 0 || s.state == 0 || top >= 0 && len(j.shards) == 0 {
		return nil
	}
	for i := range 2 * (max(top, 0) + 1) {
		if name := journalName(i/2, i%2); have[name] == nil {
			missed = append(missed, journalFile{name: name, shard: i / 2})
		}
	}
	return missed
}

// followSegments goes on where the journals end, through what lies in the log's segments: whole batches, each with the offset that is
// due. It is for a log whose journal is lost; nothing in a segment was ever anything but its records.
func (l *logRecovery) followSegments(onDisk map[SegmentID]int64) error {
	for {
		e, err := l.batchAtEnd()
		if err != nil {
			return err
		}
		if e == nil {
			if e, err = l.batchOfNext(onDisk); e == nil || err != nil {
				return err
			}
		}
		l.take(e)
	}
}

// batchAtEnd returns the batch behind the last one of the last segment, or nil.
func (l *logRecovery) batchAtEnd() (*entry, error) {
	k := len(l.st.Segments)
	if k == 0 {
		return nil, nil
	}
	g := l.st.Segments[k-1]
	e, err := l.batchAt(g.ID(), g.End)
	if e == nil && err == nil && afterPadding(g.End) != g.End {
		e, err = l.batchAt(g.ID(), afterPadding(g.End))
	}
	return e, err
}

// batchOfNext returns the first batch of a segment that begins where the log ends, or nil.
func (l *logRecovery) batchOfNext(onDisk map[SegmentID]int64) (*entry, error) {
	id := SegmentID{Base: l.st.Next}
	if _, ok := onDisk[id]; !ok {
		return nil, nil
	}
	return l.batchAt(id, segmentStart)
}

// batchAt reads the batch at pos of a segment; nil: there is none with the offset that is due.
func (l *logRecovery) batchAt(id SegmentID, pos Pos) (*entry, error) {
	var head [batch.HeaderSize]byte
	p, err := l.readAt(id, pos, len(head))
	if p == nil || err != nil {
		return nil, err
	}
	n := copy(head[:], p)
	l.r.cfg.Memory.Put(p)
	size, ok := batch.Peek(head[:n])
	if n < len(head) || !ok || batch.Batch(head[:]).BaseOffset() != l.st.Next {
		return nil, nil
	}
	if p, err = l.readAt(id, pos, size); p == nil || err != nil {
		return nil, err
	}
	defer l.r.cfg.Memory.Put(p)
	b, err := l.hasher.Verify(p)
	if err != nil || len(b) != size {
		return nil, nil
	}
	return &entry{kind: entryDirect, log: l.st.ID, seg: id.Base, generation: id.Generation, pos: pos, length: uint32(size),
		base: b.BaseOffset(), next: b.NextOffset(), timestamp: b.BaseTimestamp(), firstTS: b.BaseTimestamp()}, nil
}

// readAt reads bytes of a segment, and those that the journals have of it, into memory that the caller gives back. nil: the segment
// is not there.
func (l *logRecovery) readAt(id SegmentID, pos Pos, n int) ([]byte, error) {
	fd, err := l.files.open(id)
	if notExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	buf := l.r.cfg.Memory.Get(n)
	if buf == nil {
		return nil, ErrNoMemory
	}
	clear(buf)
	if _, err := l.r.d.Read(fd, buf, int64(pos)); err != nil && !unreadable(err) {
		l.r.cfg.Memory.Put(buf)
		return nil, err
	}
	l.journaled.piecesOf(id) // there or not: the segment is looked after and synced
	if err := l.journaled.over(id, buf, pos); err != nil {
		l.r.cfg.Memory.Put(buf)
		return nil, err
	}
	return buf, nil
}

// toldBound is behind every offset that can have been told: a record lies in a segment whose name was on stable storage before, at a
// position that the file had room for, or that the lost journals had.
func (l *logRecovery) toldBound(onDisk map[SegmentID]int64) (bound Offset) {
	for id, size := range onDisk {
		bound = max(bound, id.Base+Offset(size/batch.FrameHeaderSize))
	}
	return max(bound, l.st.Next) + l.r.journal.lostMax()
}
