package owner

import (
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Replay applies journaled commands to a snapshot of the metadata (nil: none), and says which logs live, at which levels. replicated is
// what that level means.
func Replay(snapshot []byte, commands []storage.MetaCommand, replicated metadata.Level) (m *metadata.Machine, st storage.MetaState, err error) {
	if m, err = Restore(snapshot); err != nil {
		return nil, st, err
	}
	for _, c := range commands {
		if c.Index <= m.Revision() {
			continue // the snapshot has it
		}
		if next := m.Revision() + 1; c.Index != next {
			return nil, st, fmt.Errorf("metadata commands %d to %d are missing: the journal or a snapshot of the metadata is damaged; restore the data directory from a backup",
				next, c.Index-1)
		}
		_, err := m.Apply(c.Index, c.Bytes)
		if errors.Is(err, metadata.ErrCommand) || errors.Is(err, metadata.ErrVersion) {
			return nil, st, fmt.Errorf("metadata command %d: %w", c.Index, err)
		}
	}
	st = storage.MetaState{Index: m.Revision(), Snapshot: m.AppendSnapshot(nil), Live: map[storage.LogID]storage.Level{}}
	for stream := range m.Streams() {
		for t := range stream.Topics() {
			for _, p := range t.Partitions {
				st.Live[storage.LogID(p.Log)] = LevelOf(t.Settings.Durability, replicated)
			}
		}
	}
	for _, id := range m.LogIDs.Retired() {
		st.Retired = append(st.Retired, storage.LogID(id))
	}
	return m, st, nil
}

// Restore makes the metadata of a snapshot; of nothing, empty metadata.
func Restore(snapshot []byte) (*metadata.Machine, error) {
	if len(snapshot) == 0 {
		return metadata.New(), nil
	}
	return metadata.Restore(snapshot)
}
