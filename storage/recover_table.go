package storage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readTables reads the files of the log table that belong to the last run: groups that follow one another from the beginning of a file. What
// laps say is needed has to be there.
func (j *journalScan) readTables() error {
	names, err := j.r.d.List(j.r.cfg.Dir + "/journal")
	if err != nil {
		return err
	}
	have := map[string]tableFile{}
	var groups []*foundGroup
	for _, n := range names {
		var shard, k int
		if _, err := fmt.Sscanf(n, "shard-%04d-%d"+tableSuffix, &shard, &k); err != nil || n != tableName(shard, k) {
			continue
		}
		f, list, err := j.readTable(n, shard)
		if err != nil {
			return err
		}
		have[n] = f
		groups = append(groups, list...)
	}
	if err := j.checkTables(have); err != nil {
		return err
	}
	slices.SortStableFunc(groups, func(a, b *foundGroup) int { // generations rise over both files of a shard
		return cmp.Or(cmp.Compare(a.head.shard, b.head.shard), cmp.Compare(a.head.number, b.head.number))
	})
	j.chain = append(groups, j.chain...) // what journals say of a log is newer
	return nil
}

// readTable reads one file.
func (j *journalScan) readTable(name string, shard int) (t tableFile, groups []*foundGroup, err error) {
	f, err := j.openFile(name)
	if err != nil {
		return t, nil, err
	}
	if err := j.r.d.Sync(f.reader.fd); err != nil {
		return t, nil, err
	}
	first := j.r.super.first
	for int64(t.end)+BlockSize <= f.size {
		p, err := f.reader.at(int64(t.end))
		if err != nil {
			return t, nil, err
		}
		h, err := decodeHead(p, j.r.super.seed)
		g := &foundGroup{head: h, file: f, pos: int64(t.end), table: true}
		if t.groups == 0 && err == nil {
			t.generation = (h.number - h.first) >> 32
		}
		if err != nil || h.first != first || h.flags != groupTable || int(h.shard) != shard || h.number != tableNumber(first, t.generation, t.groups) {
			break
		}
		if err = j.whole(g); errors.Is(err, ErrNewer) {
			return t, nil, fmt.Errorf("%s: %w", name, err)
		} else if err == errGroup || err == errTorn {
			break
		} else if err != nil {
			return t, nil, err
		}
		groups = append(groups, g)
		t.groups++
		t.end += Pos(h.size)
	}
	return t, groups, nil
}

// checkTables refuses a directory whose log table lacks what laps rely on.
func (j *journalScan) checkTables(have map[string]tableFile) error {
	var why []string
	for _, g := range j.chain {
		if g.head.flags&groupLap == 0 {
			continue
		}
		p, done, err := j.bytesOf(g)
		if err != nil {
			return err
		}
		err = entriesOf(p, g.head, func(e *entry) error {
			if e.kind != entryTable {
				return nil
			}
			name := tableName(int(g.head.shard), int(e.length))
			if f := have[name]; f.generation != uint64(e.base) || f.groups < int64(e.next) {
				why = append(why, fmt.Sprintf("%s has %d groups of generation %d, %d of generation %d are needed", name, f.groups, f.generation, e.next, e.base))
				j.holes[int(g.head.shard)] = max(j.holes[int(g.head.shard)], g.head.number)
			}
			return nil
		})
		done()
		if err != nil && !errors.Is(err, errEntry) {
			return fmt.Errorf("group %d: %w", g.head.number, err)
		}
	}
	if len(why) == 0 {
		return nil
	}
	err := fmt.Errorf("%w: %s", ErrDamaged, strings.Join(why, ", "))
	if !j.r.cfg.AcceptLoss {
		return fmt.Errorf("%w: the log table says where logs stand that were not used of late: put the files of the last run back, or start once with --accept-loss to go on with what the segments hold", err)
	}
	j.lost, j.clean = true, false
	j.r.report("the loss of a log table is accepted", 0, err)
	return nil
}

// dropSuperseded forgets what the log table of a shard says of the log where the shard has said all of it anew: in a newer record of the table, in
// a lap, or when it got the log later.
func (l *logEntries) dropSuperseded() {
	last := map[uint32]int{} // by shard: where that is in the list
	for i := range l.list {
		if e := &l.list[i]; e.kind == entryCheckpoint {
			last[e.shard] = i
		}
	}
	kept := l.list[:0]
	for i := range l.list {
		if e := &l.list[i]; !e.table || i >= last[e.shard] {
			kept = append(kept, *e)
		}
	}
	l.list = kept
}
