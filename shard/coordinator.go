package shard

import (
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// coordinator is what shard 0 has of the control room: it takes events there, with the facts, and carries the effects out.
type coordinator struct {
	s        *Shard
	room     *control.Control
	facts    control.Facts
	events   fifo.Queue[control.Event] // that effects have brought about
	stepping bool
	raises   *raising // of the command in progress
	snapshot snapshotFile
	loads    []router.Load
}

func newCoordinator(s *Shard, index uint64, memory *uring.Pool) *coordinator {
	x := &coordinator{s: s, snapshot: snapshotFile{memory: memory}, facts: control.Facts{Logs: make([]int, len(s.g.shards))},
		loads: make([]router.Load, len(s.g.shards))}
	l := &s.cfg.Limits
	x.room = control.New(control.Config{Shards: len(s.g.shards), EntryBytes: storage.MetaEntryBytes, Place: x.place,
		Limits: metadata.Limits{Streams: l.StreamsMax, Topics: l.TopicsMax, Partitions: l.PartitionsMax, Users: l.UsersMax,
			Tokens: l.TokensMax, Groups: l.GroupsMax, Members: l.MembersMax, Bytes: l.MetadataBytesMax},
		RebalancingTimeout: s.cfg.RebalancingTimeout, TokenCleanerInterval: s.cfg.TokenCleanerInterval}, s.meta, index)
	return x
}

// place picks the shard of a new log.
func (x *coordinator) place(logs []int, log metadata.LogID) int {
	for i, n := range logs {
		x.loads[i].Logs = n
	}
	return int(router.Place(x.loads, router.LogID(log)))
}

// take gives the room an event, and carries out what comes of it, and of that.
func (x *coordinator) take(e control.Event) {
	x.events.Push(e)
	if x.stepping {
		return
	}
	x.stepping = true
	for x.events.Len() > 0 {
		next := x.events.Pop()
		x.look()
		for _, effect := range x.room.Step(&x.facts, &next) {
			x.do(&effect)
		}
	}
	x.stepping = false
}

// tick gives the room its time, if it has something to do.
func (x *coordinator) tick() {
	s := x.s
	if x.room.Due(s.mono, s.logs.Store().Room().SnapshotDue()) {
		x.take(control.Event{Kind: control.EventTick})
	}
}

// look notes how things stand.
func (x *coordinator) look() {
	s, f := x.s, &x.facts
	f.Mono, f.Micros, f.Stopping = s.mono, s.micros(), s.stopping
	f.Short, f.Refuses, f.RefusesFree = s.logs.Store().Space().Short(), s.logs.Store().Space().RefusesMeta(false), s.logs.Store().Space().RefusesMeta(true)
	f.CommitMax = s.logs.Store().Room().MetaGroupMax()
	f.CommitFree, f.SnapshotDue = s.logs.Store().Room().MetaFree(), s.logs.Store().Room().SnapshotDue() && x.snapshot.ready()
	for i := range f.Logs {
		f.Logs[i] = s.owners.Count(shardID(i))
	}
}

// do carries an effect out.
func (x *coordinator) do(e *control.Effect) {
	s := x.s
	switch e.Kind {
	case control.EffectPrepare:
		x.raises = s.raisingOf(&e.Proposal.Retires, s.cfg.Replicated)
		x.everywhere(message{kind: msgRaise, event: &metaEvent{raises: x.raises}})
	case control.EffectUnprepare:
		x.everywhere(message{kind: msgLower, event: &metaEvent{raises: x.raises}})
	case control.EffectCommit:
		x.commit(e.Entries)
	case control.EffectApply:
		x.apply(e)
	case control.EffectAnswer:
		x.outcome(e.Proposal.Owner.(*request))
	case control.EffectWantSpace:
		s.logs.Store().Space().Want()
	case control.EffectFindMember:
		x.take(control.Event{Kind: control.EventMember, Key: e.Key, Back: s.g.clients.Holds(e.Key)})
	case control.EffectMove:
		x.move(e.Move)
	case control.EffectMap:
		x.everywhere(message{kind: msgMoved, event: &metaEvent{move: e.Move.Owner.(*logMove)}})
	case control.EffectAnswerMove:
		e.Move.Owner.(*logMove).done(e.Err)
	case control.EffectSnapshot:
		s.submit(x.snapshot.step(s.cfg.DataDir, e))
	case control.EffectSnapshotted:
		s.logs.Store().Room().MetaSnapshotted(e.Index)
		x.snapshot.end()
	case control.EffectSnapshotFailed:
		x.snapshotFailed(e)
	case control.EffectReport:
		x.report(e)
	}
}

// everywhere gives all shards a message, this one last.
func (x *coordinator) everywhere(m message) {
	x.others(m)
	x.s.message(x.s.id, &m)
}

// others gives all other shards a message.
func (x *coordinator) others(m message) {
	for _, o := range x.s.g.shards {
		if o != x.s {
			x.s.port.Control(o.id, m)
		}
	}
}

// commit has commands journaled and synced.
func (x *coordinator) commit(entries []control.Entry) {
	e := &entries[0]
	q := newRequest(x.s, func(s *Shard, q *request) {
		s.coordinator.take(control.Event{Kind: control.EventCommitted, Err: q.Err})
	})
	q.Kind, q.Batch, q.Value, q.WhenShort = storage.ReqMeta, e.Command, e.Index, e.WhenShort
	for i := range entries[1:] {
		q.More = append(q.More, entries[1+i].Command)
	}
	x.s.logs.Start(&q.Part)
}

// apply does what commands that the room has applied mean for the logs of this shard, and has the others apply them.
func (x *coordinator) apply(e *control.Effect) {
	s := x.s
	x.others(message{kind: msgApply, event: &metaEvent{run: e.Run}}) // nobody changes it
	var did ran
	for i := range e.Results {
		s.applied(&did, &e.Run.Entries[i], &e.Results[i])
	}
	x.take(did.event())
}

// snapshotFailed says why the metadata's snapshot was not written, and gives up what there is of it.
func (x *coordinator) snapshotFailed(e *control.Effect) {
	x.s.log.Error("metadata snapshot failed; the journal keeps the commands", zap.String("event", "metadata_snapshot_failed"), zap.Int("step", int(e.Step)), zap.Error(e.Err))
	if fd := x.snapshot.fd; fd != 0 {
		x.s.submit(uring.Op{Kind: uring.KindClose, FD: fd, Token: tokNone})
	}
	x.snapshot.end()
}

// report writes down what the room says.
func (x *coordinator) report(e *control.Effect) {
	s := x.s
	switch e.Report {
	case control.ReportNotForgotten:
		s.log.Error("retired logs could not be forgotten; they are tried again at the next start", zap.String("event", "logs_not_forgotten"), zap.Error(e.Err))
	case control.ReportHandoverLate:
		if s.logAllowed() {
			s.log.Warn("hand-over of partitions put off", zap.String("event", "handover_put_off"), zap.Error(e.Err))
		}
	case control.ReportMemberKept:
		if s.logAllowed() {
			s.log.Warn("a member that is gone keeps its place in its groups for now", zap.String("event", "member_kept"), zap.Error(e.Err))
		}
	case control.ReportMetadataFull:
		q := e.Proposal.Owner.(*request)
		s.log.Warn("metadata refused: no room for more streams, topics, partitions, groups, members, users or tokens; delete some, or raise limits.metadata_bytes",
			zap.String("event", "metadata_full"), zap.Uint32("code", uint32(q.call.Code)), zap.Uint32("user", uint32(e.Proposal.Judgement.User)), zap.Int64("bytes", e.Bytes), zap.Int64("max", e.Max))
	}
}
