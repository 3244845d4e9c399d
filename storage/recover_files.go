package storage

import (
	"fmt"
	"strings"
)

// The journal files of a run. They are opened when the superblock has retired what they held, so that one that is missing, or of
// another size than the one asked for, is made anew: aside, zeroed, synced, then renamed. Between the superblock and the first
// group of the run a shard may have one file, or two of different sizes: the next recovery finds no group of the run, and does
// the same again.

const journalTemp = ".tmp"

// journalSizeMin is the least that the setting takes, for both files of a shard.
const journalSizeMin = 8 << 20

// journalPlan is what has to be done for one file.
type journalPlan struct {
	path string
	have int64 // its size; 0: it is not there
	size int64 // that it is to have
}

// openJournals opens the journal of every shard of this run.
func (r *recovery) openJournals() error {
	if err := r.d.SyncDir(r.cfg.Dir + "/journal"); err != nil { // what was removed is free then
		return err
	}
	plans, err := r.planJournals()
	if err == nil {
		err = r.roomForJournals(plans)
	}
	if err == nil {
		err = r.makeJournals(plans)
	}
	if err != nil {
		return err
	}
	for i := 0; i < len(plans); i += 2 {
		var j [2]JournalFile
		for k := range j {
			if j[k], err = r.openJournal(&plans[i+k]); err != nil {
				return err
			}
			if err := r.writeHead(&j[k], i/2, k); err != nil {
				return err
			}
		}
		r.out.Journals = append(r.out.Journals, j)
	}
	return r.d.SyncDir(r.cfg.Dir + "/journal") // also for files that an interrupted recovery made
}

// writeHead makes a file one of this run.
func (r *recovery) writeHead(f *JournalFile, shard, k int) error {
	buf := r.cfg.Memory.Get(BlockSize)
	if buf == nil {
		return ErrNoMemory
	}
	defer r.cfg.Memory.Put(buf)
	h := journalHead{first: r.out.FirstGroup, shard: uint32(shard), file: uint32(k), size: uint64(f.Size)}
	h.put(buf, r.super.seed)
	if err := r.d.Write(f.Direct, buf, 0); err != nil {
		return err
	}
	return r.d.Sync(f.FD)
}

// nameJournals notes in the superblock which journals the run has, and how it writes them. From then on they are missed when they are not there.
func (r *recovery) nameJournals() error {
	s := &r.super
	if r.cfg.ChooseWay != nil {
		k, err := r.cfg.ChooseWay(r.out.Journals, KeptWay{s.way, s.wayLost})
		if err != nil {
			r.watch.failed = true // its synced writes are not seen here
			return err
		}
		s.way, s.wayLost = k.Way, k.Lost
	}
	if n := uint32(r.cfg.Shards); s.shards != n {
		s.shards, s.since = n, r.out.FirstGroup
	}
	s.journalBytes = 0
	for _, j := range r.out.Journals {
		s.journalBytes = max(s.journalBytes, uint64(j[0].Size))
	}
	s.flags |= superJournalsMade
	if err := writeSuperblock(r.d, r.cfg.Memory, r.fd, s); err != nil {
		return err
	}
	r.out.super = *s
	return nil
}

// planJournals says of which size the files will be: both of a shard the same.
func (r *recovery) planJournals() ([]journalPlan, error) {
	plans := make([]journalPlan, 0, 2*r.cfg.Shards)
	for i := range r.cfg.Shards {
		size := int64(0)
		for k := range 2 {
			p := journalPlan{path: journalPath(r.cfg.Dir, i, k)}
			var err error
			if p.have, err = r.d.Size(p.path); err != nil && !notExist(err) {
				return nil, err
			}
			if ok := p.have >= JournalBytesMin && p.have%BlockSize == 0; size == 0 && ok && !r.cfg.JournalFixed {
				size = p.have
			}
			plans = append(plans, p)
		}
		if size == 0 {
			size = max(JournalBytesMin, r.cfg.JournalBytes)
		}
		plans[2*i].size, plans[2*i+1].size = size, size
	}
	return plans, nil
}

// roomForJournals refuses a start whose journals the disk has no room for, before any of it is taken.
func (r *recovery) roomForJournals(plans []journalPlan) error {
	need, have := int64(0), int64(0)
	for i := range plans {
		p := &plans[i]
		if p.size > journalBytesMax {
			return fmt.Errorf("%s would have %d bytes, at most %d can be read again: set journal_size to %d GiB or less",
				p.path, p.size, int64(journalBytesMax), 2*journalBytesMax>>30)
		}
		have += p.have
		if p.have != p.size {
			need += p.size - p.have
		}
	}
	if r.cfg.Free == nil || need <= 0 {
		return nil
	}
	free, err := r.cfg.Free()
	if err != nil {
		return nil // the writes will tell
	}
	const others = reserveBytes + reserveLeave
	if need+others <= free {
		return nil
	}
	shards := int64(r.cfg.Shards)
	fits := max(0, free+have-others) / shards &^ (1<<20 - 1)
	remedy := fmt.Sprintf("set journal_size to %d MiB or less, or give it more space", fits>>20)
	if fits < journalSizeMin {
		remedy = "give it more space, or use fewer shards"
	}
	return fmt.Errorf("%w: the journals of %d shards, %d MiB each, need %d MiB beside the %d MiB that they have, and %d MiB are free on the filesystem of %s: %s",
		errNoRoom, shards, 2*plans[len(plans)-1].size>>20, need>>20, have>>20, free>>20, r.cfg.Dir, remedy)
}

// makeJournals makes the files that are not as planned. What they held is retired: it gives its space back first. When one cannot
// be made, none is left of those that were.
func (r *recovery) makeJournals(plans []journalPlan) error {
	removed := false
	for i := range plans {
		if p := &plans[i]; p.have != p.size {
			if err := r.d.Unlink(p.path); err != nil && !notExist(err) {
				return err
			}
			removed = removed || p.have > 0
		}
	}
	if removed {
		if err := r.d.SyncDir(r.cfg.Dir + "/journal"); err != nil {
			return err
		}
	}
	for i := range plans {
		p := &plans[i]
		if p.have == p.size {
			continue
		}
		err := r.makeJournal(p)
		if err == nil {
			continue
		}
		for k := range plans[:i] {
			if q := &plans[k]; q.have != q.size {
				_ = r.d.Unlink(q.path) // the error to tell is the first one
			}
		}
		return fmt.Errorf("make %s with %d bytes: %w", p.path, p.size, err)
	}
	return nil
}

// makeJournal makes one file of zeros.
func (r *recovery) makeJournal(p *journalPlan) error {
	tmp := p.path + journalTemp
	fd, err := r.d.Open(tmp, true, false)
	if err != nil {
		return err
	}
	err = r.zero(fd, tmp, p.size)
	if e := r.d.Close(fd); err == nil {
		err = e
	}
	if err == nil {
		err = r.d.Rename(tmp, p.path)
	}
	if err != nil {
		_ = r.d.Unlink(tmp)
	}
	return err
}

func (r *recovery) zero(fd int32, path string, size int64) error {
	if err := r.d.Truncate(fd, 0); err != nil {
		return err
	}
	direct, err := r.d.Open(path, false, true)
	if err != nil {
		return err
	}
	err = r.writeZeros(direct, size)
	if e := r.d.Close(direct); err == nil {
		err = e
	}
	if err == nil {
		err = r.d.Sync(fd)
	}
	return err
}

func (r *recovery) writeZeros(fd int32, size int64) error {
	buf := r.cfg.Memory.Get(copyBytes)
	if buf == nil {
		return ErrNoMemory
	}
	defer r.cfg.Memory.Put(buf)
	clear(buf)
	for at := int64(0); at < size; at += int64(len(buf)) {
		if err := r.d.Write(fd, buf[:min(int64(len(buf)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}

func (r *recovery) openJournal(p *journalPlan) (f JournalFile, err error) {
	f.Size = p.size
	if f.FD, err = r.d.Open(p.path, true, false); err != nil {
		return f, err
	}
	f.Sync = f.FD
	f.Direct, err = r.d.Open(p.path, false, true)
	return f, err
}

// removeHalfMade removes the journal files that an interrupted recovery was making: their space may be what this one lacks.
func (r *recovery) removeHalfMade() error {
	dir := r.cfg.Dir + "/journal"
	names, err := r.d.List(dir)
	if err != nil {
		return err
	}
	removed := false
	for _, n := range names {
		if !strings.HasSuffix(n, ".journal"+journalTemp) {
			continue
		}
		if err := r.d.Unlink(dir + "/" + n); err != nil {
			return err
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return r.d.SyncDir(dir)
}

func journalName(shard, k int) string { return fmt.Sprintf("shard-%04d-%d.journal", shard, k) }

func journalPath(dir string, shard, k int) string { return dir + "/journal/" + journalName(shard, k) }
