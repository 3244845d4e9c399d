package storage

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/galgo-mq/galgo/batch"
)

// journalScan is what the journals of the last run hold.
type journalScan struct {
	r         *recovery
	files     []*journalFile
	piece     pieceBuffer // that all are read through
	sum       groupSum
	kept      []*foundGroup // whose bytes are in memory, and some that were
	keptBytes int64
	slab      *keptSlab // that is being filled
	shards    map[int]*shardGroups
	chain     []*foundGroup // groups that count, of all shards
	highest   uint64        // highest group number seen anywhere, valid or not acknowledged
	newestRun uint64        // of all groups seen
	clean     bool
	count     int
	bytes     uint64            // size of all files, those too that are lost
	holes     map[int]uint64    // by shard: the last group that was safe and is lost
	torn      map[uint32]uint64 // by shard: the highest number in a head whose group is not whole
	quiet     bool              // malformed groups were reported
	lost      bool              // files of the run are not there, and that is accepted
}

type foundGroup struct {
	head   groupHead
	file   *journalFile
	pos    int64
	bytes  []byte // nil: it has to be read again
	slab   *keptSlab
	counts bool
	table  bool // of the log table
}

// shardGroups holds the valid groups of one shard by number, from the newest lap on.
type shardGroups struct {
	groups map[uint64]*foundGroup
	top    groupHead
	lap    uint64 // newest lap group, 0: none
}

const journalBytesMax = 4 << 30

// read finds every group of the last run, and from each shard those that follow one another from its newest lap on. After an
// orderly end it knows where they are.
func (j *journalScan) read() error {
	if j.piece.buf = j.r.cfg.Memory.Get(journalPiece); j.piece.buf == nil {
		return ErrNoMemory
	}
	marked := false
	if j.r.super.markCount > 0 {
		var err error
		if marked, err = j.readMarked(); err != nil {
			return err
		}
		if !marked {
			j.closeFiles()
			j.forgetAll()
			*j = journalScan{r: j.r, piece: pieceBuffer{buf: j.piece.buf}, shards: map[int]*shardGroups{}, holes: map[int]uint64{}, torn: map[uint32]uint64{}}
			j.r.report("journals are not as the last run left them", 0, fmt.Errorf("%w: the groups that ended it in order are not where %s says", ErrDamaged, SuperblockName))
		}
	}
	if !marked {
		if err := j.readAll(); err != nil {
			return err
		}
	}
	if err := j.readTables(); err != nil {
		return err
	}
	j.keepChain()
	return nil
}

// readAll looks at every block of every file.
func (j *journalScan) readAll() error {
	r := j.r
	names, err := r.d.List(r.cfg.Dir + "/journal")
	if err != nil {
		return err
	}
	for _, n := range names {
		if !strings.HasSuffix(n, ".journal") {
			continue
		}
		f, err := j.openFile(n)
		if err != nil {
			return err
		}
		j.bytes += uint64(f.size)
		if err := r.d.Sync(f.reader.fd); err != nil {
			return err
		}
		if err := j.scan(f); err != nil {
			return err
		}
	}
	shards := make([]int, 0, len(j.shards))
	for s := range j.shards {
		shards = append(shards, s)
	}
	sort.Ints(shards)
	j.clean = len(shards) > 0
	for _, s := range shards {
		j.follow(s, j.shards[s])
		j.checkSizes(s)
	}
	return j.checkFiles()
}

// checkSizes reports files that are not as they were made: both are there, and of one size, before the first group of a
// run is written. What was cut off may have been safe.
func (j *journalScan) checkSizes(shard int) {
	var sizes [2]int64
	for k := range sizes {
		if n, err := j.r.d.Size(journalPath(j.r.cfg.Dir, shard, k)); err == nil {
			sizes[k] = n
		}
	}
	short := sizes[0] != sizes[1]
	for _, f := range j.files { // each says of which size it was made: shards may have others
		short = short || f.shard == shard && f.head.first == j.r.super.first && f.size < int64(f.head.size)
	}
	if short {
		j.r.report("damaged journal", 0, fmt.Errorf("%w: shard %d: its files have %d and %d bytes, and were made with the same size",
			ErrDamaged, shard, sizes[0], sizes[1]))
		j.holes[shard] = j.shards[shard].top.number + 1
	}
}

// follow adds the groups of one shard that count: from the newest lap on, without a hole. A hole below a number that a
// later group calls safe is damage: it is reported, and what follows is used where a log's own order shows no hole.
func (j *journalScan) follow(shard int, s *shardGroups) {
	want := j.r.super.first
	if s.lap != 0 {
		want = s.lap
	}
	var last groupHead
	n := 0
	for _, g := range s.from(want) {
		if k := g.head.number; k != want && want > s.top.safe {
			j.r.report("journal cut", 0, fmt.Errorf("shard %d: group %d was not finished; %d behind it was not acknowledged", shard, want, k))
			break
		} else if k != want {
			j.damaged(shard, want, k, s)
		}
		j.chain = append(j.chain, g)
		last, want = g.head, g.head.number+1
		n++
	}
	if want > s.top.number && j.torn[uint32(shard)] == want {
		j.r.report("journal cut", 0, fmt.Errorf("shard %d: group %d, the last one, was not finished: what it carried was not on stable storage", shard, want))
	}
	if plantedReplayStopsEarly && n > 0 {
		j.chain = j.chain[:len(j.chain)-1]
	}
	j.count += n
	if last.flags&groupClean == 0 {
		j.clean = false
	}
}

// from returns the groups from a number on, in order.
func (s *shardGroups) from(number uint64) []*foundGroup {
	list := make([]*foundGroup, 0, len(s.groups))
	for _, g := range s.groups {
		if g.head.number >= number {
			list = append(list, g)
		}
	}
	sort.Slice(list, func(a, b int) bool { return list[a].head.number < list[b].head.number })
	return list
}

// damaged notes that groups were safe and cannot be read.
func (j *journalScan) damaged(shard int, from, to uint64, s *shardGroups) {
	j.r.report("damaged journal", 0, fmt.Errorf("%w: shard %d: groups %d to %d are unreadable although group %d says that %d was safe",
		ErrDamaged, shard, from, to-1, s.top.number, s.top.safe))
	j.holes[shard] = to - 1
}

// lostMax bounds the records that may have been told by groups that are lost: those of direct batches take the least room.
func (j *journalScan) lostMax() Offset {
	return Offset(j.bytes/entryHeadSize*(batch.LengthMax/batch.FrameHeaderSize) + reserveMax)
}

// metaCommands returns the journaled metadata commands, by index, each once.
func (j *journalScan) metaCommands() ([]MetaCommand, error) {
	seen := map[uint64]bool{}
	var cmds []MetaCommand
	err := j.each(func(e *entry, _ place) {
		if e.kind == entryMeta && !seen[uint64(e.base)] {
			seen[uint64(e.base)] = true
			cmds = append(cmds, MetaCommand{Index: uint64(e.base), Bytes: slices.Clone(e.data)})
		}
	})
	sort.Slice(cmds, func(a, b int) bool { return cmds[a].Index < cmds[b].Index })
	j.quiet = true
	return cmds, err
}

// metaIndex is the index of the last metadata command that was safe for all that the groups say.
func (j *journalScan) metaIndex() (index uint64) {
	for _, g := range j.chain { // those of the log table say nothing of it
		index = max(index, g.head.meta)
	}
	return index
}

// byLog sorts the entries of all groups that count by their log.
func (j *journalScan) byLog() (map[LogID]*logEntries, error) {
	m := map[LogID]*logEntries{}
	err := j.each(func(e *entry, at place) {
		if e.log == 0 {
			return
		}
		x := m[e.log]
		if x == nil {
			x = newLogEntries()
			m[e.log] = x
		}
		x.add(e, at)
	})
	return m, err
}

// each calls f for every entry of the groups that count, with the place of its data. The data is valid during the call.
func (j *journalScan) each(f func(e *entry, at place)) error {
	for i, g := range j.chain {
		p, done, err := j.bytesOf(g)
		if err != nil {
			return err
		}
		hole := j.holes[int(g.head.shard)]
		err = entriesAt(p, g.head, func(e *entry, at int) error {
			e.shard, e.table, e.doubt = g.head.shard, g.table, g.table || g.head.number < hole
			f(e, place{group: int32(i), at: uint32(at)})
			return nil
		})
		done()
		if errors.Is(err, ErrNewer) {
			return fmt.Errorf("group %d: %w", g.head.number, err)
		}
		if err != nil && !j.quiet {
			j.r.report("damaged journal", 0, fmt.Errorf("%w: group %d: %w", ErrDamaged, g.head.number, err))
		}
	}
	return nil
}

func (j *journalScan) closeFiles() {
	for _, f := range j.files {
		j.r.d.Close(f.reader.fd)
	}
	j.files = nil
}

func (j *journalScan) close() {
	j.closeFiles()
	j.forgetAll()
	if j.piece.buf != nil {
		j.r.cfg.Memory.Put(j.piece.buf)
	}
	j.piece, j.chain, j.shards = pieceBuffer{}, nil, nil
}
