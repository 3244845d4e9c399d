package storage

import "fmt"

// metaCarry is what the shard that owns the metadata keeps of its log: the commands that no snapshot holds yet.
type metaCarry struct {
	bytes []byte // the commands behind it, back to back
	ends  []int  // where each ends in bytes
	first uint64 // index of the first one kept
}

// startMeta journals metadata commands, in one group; they are answered when they are on stable storage. Indexes rise by one.
func (s *Store) startMeta(r *Request) {
	n := entryHeadSize + len(r.Batch)
	for _, cmd := range r.More {
		n += entryHeadSize + len(cmd)
	}
	if int64(n) > s.MetaFree() || n > s.journal.groupMax() {
		s.answer(r, fmt.Errorf("%w: metadata commands wait for a snapshot", ErrJournalFull))
		return
	}
	if !s.journal.room(n) {
		s.starved.push(r)
		return
	}
	s.addMeta(r.Value, r.Batch)
	for i, cmd := range r.More {
		s.addMeta(r.Value+1+uint64(i), cmd)
	}
	s.fixed += int64(n)
	r.level = LevelPersisted
	s.journal.gather.frees = s.journal.gather.frees || r.WhenShort
	s.journal.gather.wait.push(r)
}

// addMeta puts a command into the gathering group, which has room for it.
func (s *Store) addMeta(index uint64, cmd []byte) {
	m := &s.meta
	if len(m.ends) == 0 {
		m.first = index
	}
	m.bytes = append(m.bytes, cmd...)
	m.ends = append(m.ends, len(m.bytes))
	s.journal.add(&entry{kind: entryMeta, level: LevelPersisted, base: Offset(index)}, cmd)
}

// MetaGroupMax is how many bytes commands may have that are journaled together, what they take beside their own included.
func (s *Store) MetaGroupMax() int64 { return int64(s.journal.groupMax()) }

// MetaBytes is how much of the journal's lap the commands since the last snapshot take.
func (s *Store) MetaBytes() int64 { return s.metaCarrySize() }

// MetaEntryBytes is what a metadata command takes of MetaFree beside its own bytes.
const MetaEntryBytes = entryHeadSize

// MetaFree is how many bytes of commands there is room for until a snapshot is written.
func (s *Store) MetaFree() int64 { return s.carryShare(metaShare) - s.metaCarrySize() }

// SnapshotDue reports whether it is time for a snapshot of the metadata: commands are refused when twice as many wait.
func (s *Store) SnapshotDue() bool {
	return s.metaCarrySize() > min(metaBytesMax, s.journal.files[0].Size/16)
}

const metaBytesMax = 1 << 20

func (s *Store) metaCarrySize() int64 {
	return int64(len(s.meta.bytes)) + int64(len(s.meta.ends))*entryHeadSize
}

// MetaSnapshotted says that a snapshot with everything up to index is on stable storage: laps need not carry it.
func (s *Store) MetaSnapshotted(index uint64) {
	m := &s.meta
	if len(m.ends) == 0 || index < m.first {
		return
	}
	k := min(int(index-m.first)+1, len(m.ends))
	cut := m.ends[k-1]
	m.bytes = m.bytes[:copy(m.bytes, m.bytes[cut:])]
	rest := m.ends[:copy(m.ends, m.ends[k:])]
	for i := range rest {
		rest[i] -= cut
	}
	m.ends = rest
	s.fixed -= int64(cut) + int64(k)*entryHeadSize
	m.first += uint64(k)
}

// carryMeta adds the commands to the lap group, those too that still gather.
func (s *Store) carryMeta(j *journal) {
	from := 0
	for i, end := range s.meta.ends {
		j.add(&entry{kind: entryMeta, level: LevelPersisted, base: Offset(s.meta.first) + Offset(i)}, s.meta.bytes[from:end])
		from = end
	}
}
