package storage_test

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/galgo-mq/galgo/storage"
)

// metaState is the smallest metadata machine that can own logs: they are created, retired and forgotten.
type metaState struct {
	index   uint64
	live    []logInfo // in order of id
	retired []storage.LogID
}

// logInfo is what a create command says of a log.
type logInfo struct {
	id           storage.LogID
	level        storage.Level
	offsetLevel  storage.Level
	segmentSize  int64
	partitionTag uint64
	dedupCount   int
	dedupMicros  uint64
}

func (i *logInfo) config() storage.LogConfig {
	return storage.LogConfig{ID: i.id, Partition: i.partitionTag, Level: i.level, OffsetLevel: i.offsetLevel, SegmentSize: i.segmentSize,
		DedupCount: i.dedupCount, DedupMicros: i.dedupMicros}
}

const (
	cmdCreate = iota + 1
	cmdRetire
	cmdForget
	cmdFiller // changes nothing
	cmdLevel
)

const infoSize = 8 + 1 + 1 + 8 + 8 + 8 + 8

func (i *logInfo) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(i.id))
	dst = append(dst, byte(i.level), byte(i.offsetLevel))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(i.segmentSize))
	dst = binary.LittleEndian.AppendUint64(dst, i.partitionTag)
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, uint64(i.dedupCount)), i.dedupMicros)
}

func infoOf(p []byte) logInfo {
	le := binary.LittleEndian
	return logInfo{id: storage.LogID(le.Uint64(p)), level: storage.Level(p[8]), offsetLevel: storage.Level(p[9]),
		segmentSize: int64(le.Uint64(p[10:])), partitionTag: le.Uint64(p[18:]),
		dedupCount: int(le.Uint64(p[26:])), dedupMicros: le.Uint64(p[34:])}
}

func (m *metaState) apply(cmd []byte) {
	m.index++
	switch cmd[0] {
	case cmdCreate:
		m.live = append(m.live, infoOf(cmd[1:]))
	case cmdRetire:
		id := storage.LogID(binary.LittleEndian.Uint64(cmd[1:]))
		m.live = slices.DeleteFunc(m.live, func(i logInfo) bool { return i.id == id })
		m.retired = append(m.retired, id)
	case cmdLevel:
		for i := range m.live {
			if m.live[i].id == storage.LogID(binary.LittleEndian.Uint64(cmd[1:])) {
				m.live[i].level = storage.Level(cmd[9])
			}
		}
	case cmdForget:
		id := storage.LogID(binary.LittleEndian.Uint64(cmd[1:]))
		m.retired = slices.DeleteFunc(m.retired, func(i storage.LogID) bool { return i == id })
	}
}

func (m *metaState) snapshot() []byte {
	le := binary.LittleEndian
	p := le.AppendUint64([]byte("META"), m.index)
	p = le.AppendUint32(p, uint32(len(m.live)))
	for i := range m.live {
		p = m.live[i].append(p)
	}
	p = le.AppendUint32(p, uint32(len(m.retired)))
	for _, id := range m.retired {
		p = le.AppendUint64(p, uint64(id))
	}
	return p
}

func metaFrom(p []byte) (*metaState, error) {
	m := &metaState{}
	if len(p) == 0 {
		return m, nil
	}
	le := binary.LittleEndian
	if len(p) < 16 || string(p[:4]) != "META" {
		return nil, fmt.Errorf("not a snapshot: %d bytes", len(p))
	}
	m.index = le.Uint64(p[4:])
	n := int(le.Uint32(p[12:]))
	p = p[16:]
	for ; n > 0 && len(p) >= infoSize; n-- {
		m.live = append(m.live, infoOf(p))
		p = p[infoSize:]
	}
	if len(p) < 4 {
		return nil, fmt.Errorf("snapshot cut short")
	}
	for p = p[4:]; len(p) >= 8; p = p[8:] {
		m.retired = append(m.retired, storage.LogID(le.Uint64(p)))
	}
	return m, nil
}

// replayMeta is the Metadata function of a recovery.
func replayMeta(snapshot []byte, commands []storage.MetaCommand) (storage.MetaState, error) {
	m, err := metaFrom(snapshot)
	if err != nil {
		return storage.MetaState{}, err
	}
	for _, c := range commands {
		if c.Index <= m.index {
			continue
		}
		if c.Index != m.index+1 {
			return storage.MetaState{}, fmt.Errorf("metadata command %d follows %d", c.Index, m.index)
		}
		m.apply(c.Bytes)
	}
	st := storage.MetaState{Index: m.index, Snapshot: m.snapshot(), Live: map[storage.LogID]storage.Level{}}
	for _, i := range m.live {
		st.Live[i.id] = i.level
	}
	st.Retired = slices.Clone(m.retired)
	return st, nil
}
