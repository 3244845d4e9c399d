package storage

// metaCarry is what the shard that owns the metadata keeps of its log: the commands that no snapshot holds yet.
type metaCarry struct {
	base  uint64   // index of the last command in the snapshot
	bytes []byte   // the commands behind it, back to back
	ends  []int    // where each ends in bytes
	first uint64   // index of the first one kept
	seqs  []uint64 // gathering order of the group of each
}

// startMeta journals a metadata command; it is answered when it is on stable storage. Indexes rise by one.
func (s *Store) startMeta(r *Request) {
	if !s.journal.room(entryHeadSize + len(r.Batch)) {
		s.starved.push(r)
		return
	}
	m := &s.meta
	if len(m.ends) == 0 {
		m.first = r.Value
	}
	m.bytes = append(m.bytes, r.Batch...)
	m.ends = append(m.ends, len(m.bytes))
	m.seqs = append(m.seqs, s.journal.gather.seq)
	s.journal.add(&entry{kind: entryMeta, level: LevelPersisted, base: Offset(r.Value)}, r.Batch)
	r.level = LevelPersisted
	s.journal.gather.wait.push(r)
}

// MetaBytes is how much of the journal's lap the commands since the last snapshot take.
func (s *Store) MetaBytes() int64 { return s.metaCarrySize() }

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
	m.seqs = m.seqs[:copy(m.seqs, m.seqs[k:])]
	m.first += uint64(k)
}

// carryMeta adds the commands to the lap group that were placed before it; later ones come behind it by themselves.
func (s *Store) carryMeta(j *journal) {
	from := 0
	for i, end := range s.meta.ends {
		j.add(&entry{kind: entryMeta, level: LevelPersisted, base: Offset(s.meta.first) + Offset(i)}, s.meta.bytes[from:end])
		from = end
	}
}
