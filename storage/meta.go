package storage

import "fmt"

// metaCarry is what the shard that owns the metadata keeps of its log: the commands that no snapshot holds yet.
type metaCarry struct {
	bytes []byte // the commands behind it, back to back
	ends  []int  // where each ends in bytes
	first uint64 // index of the first one kept
}

// size is what they take of a lap.
func (m *metaCarry) size() int64 { return int64(len(m.bytes)) + int64(len(m.ends))*entryHeadSize }

// add keeps a command, and returns how many bytes laps are larger.
func (m *metaCarry) add(index uint64, command []byte) int64 {
	if len(m.ends) == 0 {
		m.first = index
	}
	m.bytes = append(m.bytes, command...)
	m.ends = append(m.ends, len(m.bytes))
	return int64(entryHeadSize + len(command))
}

// cut forgets the commands up to index, and returns how many bytes laps are smaller.
func (m *metaCarry) cut(index uint64) int64 {
	if len(m.ends) == 0 || index < m.first {
		return 0
	}
	k := min(int(index-m.first)+1, len(m.ends))
	cut := m.ends[k-1]
	m.bytes = m.bytes[:copy(m.bytes, m.bytes[cut:])]
	rest := m.ends[:copy(m.ends, m.ends[k:])]
	for i := range rest {
		rest[i] -= cut
	}
	m.ends = rest
	m.first += uint64(k)
	return int64(cut) + int64(k)*entryHeadSize
}

// carry adds the commands to the lap group, those too that still gather.
func (m *metaCarry) carry(j *journal) {
	from := 0
	for i, end := range m.ends {
		j.add(&entry{kind: entryMeta, level: LevelPersisted, base: Offset(m.first) + Offset(i)}, m.bytes[from:end])
		from = end
	}
}

// Room is what laps of the journal take, and may.
func (s *Store) Room() *LapRoom { return &s.room }

// startMeta journals metadata commands, in one group; they are answered when they are on stable storage. Indexes rise by one.
func (s *Store) startMeta(r *Request) {
	n := entryHeadSize + len(r.Batch)
	for _, cmd := range r.More {
		n += entryHeadSize + len(cmd)
	}
	if int64(n) > s.room.MetaFree() || n > s.journal.groupMax() {
		s.answer(r, fmt.Errorf("%w: metadata commands wait for a snapshot", ErrJournalFull))
		return
	}
	if !s.journal.room(n) {
		s.starved.push(r)
		return
	}
	if err := noteLate(s, r); err != nil { // last: what is refused then must not be there after the next start
		s.answer(r, err)
		return
	}
	add := func(index uint64, cmd []byte) {
		s.room.note(index, cmd)
		s.journal.add(&entry{kind: entryMeta, level: LevelPersisted, base: Offset(index)}, cmd)
	}
	add(r.Value, r.Batch)
	for i, cmd := range r.More {
		add(r.Value+1+uint64(i), cmd)
	}
	r.soFar.level = LevelPersisted
	s.journal.gather.frees = s.journal.gather.frees || r.WhenShort
	s.journal.gather.wait.push(r)
}
