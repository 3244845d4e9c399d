package shard

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// recover reads the data directory, on shard 0's thread.
func (b *Broker) recover() (rec *storage.Recovered, machine *metadata.Machine, err error) {
	cfg := storage.RecoverConfig{Dir: b.cfg.DataDir, Shards: len(b.cfg.CPUs), JournalBytes: b.journalFileBytes(), JournalFixed: b.cfg.JournalBytes != 0, Free: b.freeBytes,
		Now: uint64(time.Now().UnixMicro()), Metadata: b.replay, Report: b.report, RetryPanics: b.cfg.RetryFenced,
		AcceptLoss: b.cfg.AcceptLoss, Copies: uring.MayCopyOnWrite(b.cfg.DataDir)}
	if uring.CopiesOnWrite(b.cfg.DataDir) {
		cfg.GiveBack = func() error { return uring.Commit(b.dir.fd) }
	}
	if _, err := rand.Read(cfg.Secret[:]); err != nil {
		return nil, nil, err
	}
	if cfg.BootID, cfg.MountID, err = b.dir.bootAndMount(b.log); err != nil {
		return nil, nil, err
	}
	err = b.shards[0].do(func(s *Shard) error {
		// Nothing else has memory yet, and nothing else will ask for any: recovery has the whole budget. Beside it lie only files that
		// are read whole and that storage bounds one by one.
		total := b.budget.Total()
		pool := uring.NewPool(uring.NewBudget(total).Line("recovery", total))
		defer pool.Close()
		files := uring.NewPool(uring.NewBudget(recoveryFilesMax).Line("files of the recovery", recoveryFilesMax))
		defer files.Close()
		cfg.Memory, cfg.FileMemory, cfg.KeepBytes, cfg.Working = pool, files, total/recoveryKeep, &s.recovering
		cfg.ChooseWay = func(journals [][2]storage.JournalFile, last storage.KeptWay) (storage.KeptWay, error) {
			return b.chooseJournalWay(s, journals, last, pool)
		}
		rec, err = storage.Recover(blockingDisk{s.io}, b.dir.fd, cfg)
		b.dir.recovered, b.replayed = rec, nil
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if machine, err = restore(rec.Meta.Snapshot); err != nil {
		return nil, nil, err
	}
	b.sessions.next.Store(max(1, machine.SessionsReserved()))
	b.sessions.reserved.Store(0)
	return rec, machine, nil
}

func restore(snapshot []byte) (*metadata.Machine, error) {
	if len(snapshot) == 0 {
		return metadata.New(), nil
	}
	return metadata.Restore(snapshot)
}

// replay applies journaled commands to a snapshot of the metadata, and says which logs live.
func (b *Broker) replay(snapshot []byte, commands []storage.MetaCommand) (st storage.MetaState, err error) {
	m, err := restore(snapshot)
	if err != nil {
		return st, err
	}
	for _, c := range commands {
		if c.Index <= m.Revision() {
			continue // the snapshot has it
		}
		if next := m.Revision() + 1; c.Index != next {
			return st, fmt.Errorf("metadata commands %d to %d are missing: the journal or a snapshot of the metadata is damaged; restore the data directory from a backup",
				next, c.Index-1)
		}
		_, err := m.Apply(c.Index, c.Bytes)
		if errors.Is(err, metadata.ErrCommand) || errors.Is(err, metadata.ErrVersion) {
			return st, fmt.Errorf("metadata command %d: %w", c.Index, err)
		}
	}
	b.replayed = m
	st = storage.MetaState{Index: m.Revision(), Snapshot: m.AppendSnapshot(nil), Live: map[storage.LogID]storage.Level{}}
	for s := range m.Streams() {
		for t := range s.Topics() {
			for _, p := range t.Partitions {
				st.Live[storage.LogID(p.Log)] = b.level(t.Settings.Durability)
			}
		}
	}
	for _, id := range m.Retired() {
		st.Retired = append(st.Retired, storage.LogID(id))
	}
	return st, nil
}

// level says what a topic's durability means on this node.
func (b *Broker) level(l metadata.Level) storage.Level {
	if l == metadata.LevelReplicated {
		l = b.cfg.Replicated
	}
	switch l {
	case metadata.LevelMemory:
		return storage.LevelMemory
	case metadata.LevelWritten:
		return storage.LevelWritten
	}
	return storage.LevelPersisted
}

func (b *Broker) logConfig(id metadata.LogID, partition metadata.PartitionID, t *metadata.Settings) storage.LogConfig {
	return storage.LogConfig{ID: storage.LogID(id), Partition: uint64(partition), Level: b.level(t.Durability),
		OffsetLevel: b.level(t.OffsetDurability), SegmentSize: int64(t.SegmentSize),
		DedupCount: int(t.Deduplication.CountMax()), DedupMicros: t.Deduplication.WindowMicros}
}

// report says in the log what recovery found.
func (b *Broker) report(event string, id storage.LogID, err error) {
	b.log.Warn(event, storageFields(b.replayed, id, err)...)
}

// storageFields say what storage found, and of which partition if its log is one's: an operator knows the names of m, not the number.
func storageFields(m *metadata.Machine, id storage.LogID, err error) []zap.Field {
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

// report is Broker.report for a shard that serves. What polls can cause again and again is bounded, as what peers can.
func (s *Shard) report(event string, id storage.LogID, err error) {
	if strings.HasPrefix(event, "damaged") && !s.logAllowed() {
		return
	}
	s.b.log.Warn(event, storageFields(s.meta, id, err)...)
}

const (
	recoveryFilesMax = 1 << 40
	recoveryKeep     = 4 // part of the budget in which the journals' groups are kept from the first look on: those of journals sized by it fit
)

const (
	journalBytesMin = 4 << 20
	journalBytesMax = 256 << 20
	journalShare    = 16 // part of the filesystem
)

// journalFileBytes is the size of one of the two journal files of a shard.
func (b *Broker) journalFileBytes() int64 {
	n := b.cfg.JournalBytes
	if n == 0 {
		total, _, err := uring.StatFS(b.cfg.DataDir)
		if err != nil {
			total = 0
		}
		shards := int64(len(b.cfg.CPUs))
		n = min(journalBytesMax, max(journalBytesMin, min(total/journalShare/shards, b.budget.Total()/journalMemory/shards)))
	}
	return n / 2 &^ (storage.BlockSize - 1)
}

func (b *Broker) freeBytes() (int64, error) {
	_, free, err := uring.StatFS(b.cfg.DataDir)
	return free, err
}

// adoptLogs gives every shard its store, its replica of the metadata, and its share of the logs.
func (b *Broker) adoptLogs(rec *storage.Recovered) error {
	owners := router.NewMap(len(b.shards))
	for _, l := range rec.Logs {
		owners.Set(router.LogID(l.ID), router.Place(b.placement(owners), router.LogID(l.ID)))
	}
	for _, s := range b.shards {
		err := s.do(func(s *Shard) error { return s.adoptLogs(rec, owners) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Shard) adoptLogs(rec *storage.Recovered, owners *router.Map) error {
	b := s.b
	m, err := restore(rec.Meta.Snapshot)
	if err != nil {
		return err
	}
	s.meta = m
	s.recvPool, s.replyPool = s.pool(b.lines.recv), s.pool(b.lines.reply)
	s.requests.memory = s.replyPool
	reserve := s.reserve(rec.Journals[s.id][0].Size)
	s.store = storage.New(storage.Config{Shard: int(s.id), Dir: s.cfg.DataDir, Seed: rec.Seed, FirstGroup: rec.FirstGroup,
		Journal: rec.Journals[s.id], LossBound: s.cfg.WrittenLossBound, TailMemory: s.pool(b.lines.tail[s.id]),
		JournalMemory: s.pool(b.lines.journal[s.id]), JournalMemoryMax: b.lines.journal[s.id].Max(), LapMemory: reserve,
		ReadMemory: &readMemory{Pool: s.pool(b.lines.read), claim: &b.readClaim, shard: int32(s.id) + 1}, ReadMemoryMax: b.lines.read.Max() - readRoom,
		DedupBytesMax: b.budget.Total() / dedupShare / int64(len(b.shards)), ConsumersPerLogMax: b.cfg.Limits.ConsumersPerLogMax, FilesMax: b.cfg.FilesMax, Fence: s.fenceHolds, Report: s.report})
	s.delivered, s.changed = deliveries{}, s.logChanged
	if s.id == 0 {
		s.lead = &lead{s: s, index: rec.Meta.Index, snapMemory: reserve, rooms: make([]logRoom, len(b.shards))}
	}
	configs := map[storage.LogID]storage.LogConfig{}
	topics := map[storage.LogID]*metadata.Topic{}
	for st := range m.Streams() {
		for t := range st.Topics() {
			for i, p := range t.Partitions {
				configs[storage.LogID(p.Log)] = b.logConfig(p.Log, metadata.PartitionID(i), &t.Settings)
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
		l.Tag = b.counters.open(metadata.LogID(st.ID))
		l.SetRetention(s.retention(topics[st.ID]), int64(topics[st.ID].Settings.SegmentSize))
		publishStats(l)
	}
	room := s.logRoom()
	room.max = s.store.CarryMax()
	room.carry.Store(s.store.Carry())
	if err := s.store.CheckCarry(); err != nil {
		return fmt.Errorf("shard %d: %w", s.id, err)
	}
	return nil
}
