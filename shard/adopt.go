package shard

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// Adopt gives the shard its store, its replica of the metadata, and its share of the logs, on its own thread.
func (s *Shard) Adopt(rec *storage.Recovered, owners *router.Map) error {
	g, lines := s.g, s.g.lines
	m, err := Restore(rec.Meta.Snapshot)
	if err != nil {
		return err
	}
	s.meta = m
	s.replyPool = s.pool(lines.Reply)
	s.front.UseMemory(s.pool(lines.Recv), s.replyPool)
	reserve := s.reserve(rec.Journals[s.id][0].Size)
	s.store = storage.New(storage.Config{Shard: int(s.id), Dir: s.cfg.DataDir, Seed: rec.Seed, FirstGroup: rec.FirstGroup,
		Journal: rec.Journals[s.id], LossBound: s.cfg.WrittenLossBound, TailMemory: s.pool(lines.Tail[s.id]),
		JournalMemory: s.pool(lines.Journal[s.id]), JournalMemoryMax: lines.Journal[s.id].Max(), LapMemory: reserve,
		ReadMemory: &readMemory{Pool: s.pool(lines.Read), claim: &g.readClaim, shard: int32(s.id) + 1}, ReadMemoryMax: lines.Read.Max() - readRoom,
		DedupBytesMax: lines.Dedup, ConsumersPerLogMax: s.cfg.Limits.ConsumersPerLogMax, FilesMax: s.cfg.FilesMax, Fence: s.fenceHolds, Late: rec.Late, Report: s.report})
	s.delivered, s.changed = deliveries{}, s.logChanged
	if s.id == 0 {
		s.coordinator = newCoordinator(s, rec.Meta.Index, reserve)
	}
	configs := map[storage.LogID]storage.LogConfig{}
	topics := map[storage.LogID]*metadata.Topic{}
	for st := range m.Streams() {
		for t := range st.Topics() {
			for i, p := range t.Partitions {
				configs[storage.LogID(p.Log)] = s.cfg.logConfig(p.Log, metadata.PartitionID(i), &t.Settings)
				topics[storage.LogID(p.Log)] = t
			}
		}
	}
	for _, st := range rec.Logs {
		owner, _ := owners.Owner(router.LogID(st.ID))
		s.owners.Set(router.LogID(st.ID), owner)
		if owner != s.id {
			continue
		}
		st.Offsets = slices.DeleteFunc(st.Offsets, func(o storage.OffsetState) bool { // of groups deleted just before the end
			if !o.Key.Group {
				return false
			}
			_, err := topics[st.ID].Group(metadata.ByNumber(metadata.GroupID(o.Key.ID)))
			return err != nil
		})
		l := s.store.AdoptLog(configs[st.ID], st)
		l.Tag = g.counters.open(metadata.LogID(st.ID))
		l.SetRetention(s.retention(topics[st.ID]), int64(topics[st.ID].Settings.SegmentSize))
		publishStats(l)
	}
	room := &g.rooms[s.id]
	room.max = s.store.Room().CarryMax()
	room.carry.Store(s.store.Room().Carry())
	if err := s.store.CheckCarry(); err != nil {
		return fmt.Errorf("shard %d: %w", s.id, err)
	}
	return nil
}

// Restore makes the metadata of a snapshot; of nothing, empty metadata.
func Restore(snapshot []byte) (*metadata.Machine, error) {
	if len(snapshot) == 0 {
		return metadata.New(), nil
	}
	return metadata.Restore(snapshot)
}

// LevelOf says what a topic's durability means on a node where "replicated" is that level.
func LevelOf(l, replicated metadata.Level) storage.Level {
	if l == metadata.LevelReplicated {
		l = replicated
	}
	switch l {
	case metadata.LevelMemory:
		return storage.LevelMemory
	case metadata.LevelWritten:
		return storage.LevelWritten
	}
	return storage.LevelPersisted
}

func (c *Config) level(l metadata.Level) storage.Level { return LevelOf(l, c.Replicated) }

func (c *Config) logConfig(id metadata.LogID, partition metadata.PartitionID, t *metadata.Settings) storage.LogConfig {
	return storage.LogConfig{ID: storage.LogID(id), Partition: uint64(partition), Level: c.level(t.Durability),
		OffsetLevel: c.level(t.OffsetDurability), SegmentSize: int64(t.SegmentSize),
		DedupCount: int(t.Deduplication.CountMax()), DedupMicros: t.Deduplication.WindowMicros}
}

// StorageFields say what storage found, and of which partition if its log is one's: an operator knows the names of m, not the number.
func StorageFields(m *metadata.Machine, id storage.LogID, err error) []zap.Field {
	fields := []zap.Field{zap.String("event", "storage"), zap.Error(err)}
	if id == 0 {
		return fields
	}
	fields = append(fields, zap.Uint64("log", uint64(id)))
	if m == nil {
		return fields
	}
	if st, t, p := m.Holder(metadata.LogID(id)); t != nil {
		fields = append(fields, zap.String("stream", st.Name), zap.String("topic", t.Name), zap.Uint32("partition", uint32(p)))
	}
	return fields
}

// report says in the log what storage found. What polls can cause again and again is bounded, as what peers can.
func (s *Shard) report(event string, id storage.LogID, err error) {
	if strings.HasPrefix(event, "damaged") && !s.logAllowed() {
		return
	}
	s.g.log.Warn(event, StorageFields(s.meta, id, err)...)
}
