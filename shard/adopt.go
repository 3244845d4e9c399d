package shard

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/board"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// Adopt gives the shard its store, its replica of the metadata, and its share of the logs, on its own thread.
func (s *Shard) Adopt(rec *storage.Recovered, owners *router.Map) error {
	g, lines := s.g, s.g.lines
	m, err := owner.Restore(rec.Meta.Snapshot)
	if err != nil {
		return err
	}
	s.meta, s.reports.users = m, m
	s.replyPool = s.pool(lines.Reply)
	s.memory.frames.pool = s.pool(lines.Recv)
	s.front.UseMemory(s.memory.frames.pool, s.pool(lines.Ahead[s.id]), s.replyPool)
	s.calls = newCalls(s)
	reserve := s.reserve(rec.Journals[s.id][0].Size)
	s.logs = owner.New(owner.Config{Shard: int(s.id), Shards: len(g.shards), PollHold: s.cfg.PollHold, ParkedMax: g.mesh.Credits() / 2, Replicated: s.cfg.Replicated,
		RetentionInterval: s.cfg.RetentionInterval, OffsetsHold: s.cfg.OffsetsHold,
		Store: storage.Config{Shard: int(s.id), Dir: s.cfg.DataDir, Seed: rec.Seed, FirstGroup: rec.FirstGroup,
			Journal: rec.Journals[s.id], LossBound: s.cfg.WrittenLossBound, TailMemory: s.pool(lines.Tail[s.id]),
			JournalMemory: s.pool(lines.Journal[s.id]), JournalMemoryMax: lines.Journal[s.id].Max(), LapMemory: reserve,
			ReadMemory: s.memory.reads(), ReadMemoryMax: lines.Read.Max() - readRoom,
			DedupBytesMax: lines.Dedup, ConsumersPerLogMax: s.cfg.Limits.ConsumersPerLogMax, FilesMax: s.cfg.FilesMax, Late: rec.Late, Report: s.reports.storage}}, m)
	s.of = s.logs
	s.sessions = sessions{front: s.front, calls: s.calls, meta: m, clients: g.clients, news: &s.controlNews, silent: int64(silenceShare * float64(s.cfg.HeartbeatInterval))}
	if s.id == 0 {
		s.coordinator = newCoordinator(s, rec.Meta.Index, reserve)
	}
	var found []owner.Found
	for _, st := range rec.Logs {
		at, _ := owners.Owner(router.LogID(st.ID))
		if s.owners.Set(router.LogID(st.ID), at); at == s.id {
			found = append(found, owner.Found{State: st, Tag: g.logs.Open(metadata.LogID(st.ID))})
		}
	}
	s.logs.Adopt(found)
	for _, f := range found {
		f.Tag.(*board.Counters).Show(s.logs.Store().Log(f.State.ID).Stats())
	}
	if err := s.logs.Store().CheckCarry(); err != nil {
		return fmt.Errorf("shard %d: %w", s.id, err)
	}
	return nil
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
