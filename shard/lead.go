package shard

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// lead puts metadata commands in order; it lives on shard 0. One command at a time goes through
//
//	close     owners of the logs that it will retire stop appends and end those in flight
//	journal   the command is synced
//	apply     here, then at every other shard
//	answer    when all replicas have it
//
// so that whoever saw the answer finds its effect on every shard, and no append is acknowledged to a log that is gone.
type lead struct {
	s     *Shard
	queue fifo.Queue[*request]
	event *metaEvent // in progress
	index uint64     // of the last command

	forgotten  fifo.Queue[metadata.LogID] // retired logs whose files are gone
	forgets    bool                       // a command that forgets some is on its way
	snap       snapshotJob
	snapMemory *uring.Pool

	rooms    []logRoom // by shard
	nextRoom int64     // when to say again that partitions are refused
	nextMeta int64     // and that metadata is

	groups     groupsLead
	nextExpiry int64 // when to look for expired tokens
	expiring   bool  // a command that drops them is on its way
}

// retirement names the logs that a command will retire, as the state is when its turn comes.
type retirement struct {
	kind          retirementKind
	stream, topic metadata.Ident
	last          uint32         // for lastPartitions: how many
	messages      metadata.Level // for raisedTopic; 0: stays
	offsets       metadata.Level
}

type retirementKind uint8

// frees reports whether a command of that retirement frees space on the disk.
func (r *retirement) frees() bool { return r.kind != retiresNone && r.kind != raisedTopic }

const (
	retiresNone retirementKind = iota
	wholeStream
	wholeTopic
	lastPartitions
	raisedTopic // nothing is retired: its level changes
)

// metaEvent is a command on its way through all shards. Shards read it; only the lead writes.
type metaEvent struct {
	q       *request
	index   uint64
	command []byte
	closing []metadata.LogID  // to be closed, or raised, before the command is journaled
	raising bool              // else they are closed
	raise   levels            // to which they are raised
	stream  metadata.StreamID // of what is raised: q is its client's again when shards hear that it was refused
	topic   metadata.TopicID
	failed  []error                           // by shard: why that could not be done
	owners  map[metadata.LogID]router.ShardID // of the logs it creates
	waiting int                               // shards that have not answered
	move    *logMove                          // instead of a command
	pending []metadata.Handover               // hand-overs that it has begun
	clear   [][]int                           // by shard: which of them can be completed at once
	follows bool                              // it goes on with the request of the event before
}

// propose sends a metadata command into the order. Its answer comes to metaAnswered. The frame stays: names in q point
// into it.
func (s *Shard) propose(q *request, command []byte) {
	if s.unjudged(q) {
		return
	}
	if len(command) > commandMax {
		s.refuse(q, wire.StatusInvalidCommand)
		return
	}
	q.command = command
	s.send(q, 0, msgMeta)
}

// commandMax bounds a metadata command: what every shard applies in one turn, and the journal carries.
const commandMax = 256 << 10

// proposeInternal is propose for a command of the broker itself, on shard 0.
func (s *Shard) proposeInternal(command []byte, done func(s *Shard, q *request)) {
	s.lead.enqueue(s.ownCommand(command, done))
}

// proposeWhenShort is proposeInternal for what is taken also while space is short: it frees some, or clients can't be served without.
func (s *Shard) proposeWhenShort(command []byte, done func(s *Shard, q *request)) {
	q := s.ownCommand(command, done)
	q.WhenShort = true
	s.lead.enqueue(q)
}

func (s *Shard) ownCommand(command []byte, done func(s *Shard, q *request)) *request {
	q := &request{home: s, command: command, internal: done, judgement: judgement{broker: true}}
	q.Owner = q
	return q
}

func (l *lead) enqueue(q *request) {
	q.WhenShort = q.WhenShort || q.retires.frees()
	if err := l.s.store.RefusesMeta(q.WhenShort); err != nil {
		q.err = err
		l.tell(q)
		return
	}
	l.queue.Push(q)
	l.next()
}

// shed refuses what waits and would be refused for want of space when its turn came.
func (l *lead) shed() {
	if !l.s.store.Short() || l.queue.Len() == 0 {
		return
	}
	for k := l.queue.Len(); k > 0; k-- {
		l.enqueue(l.queue.Pop())
	}
	if l.queue.Len() > 0 { // it frees space, and waits for the command in progress
		l.s.store.Want()
	}
}

func (l *lead) busy() bool {
	return l.event != nil || l.queue.Len() > 0 || l.snap.active || l.groups.busy()
}

// next begins with the next command if none is in progress. A snapshot that is due begins before: clients that send commands without a
// pause leave no turn without one.
func (l *lead) next() {
	for l.event == nil && l.queue.Len() > 0 {
		q := l.queue.First()
		l.maybeSnapshot()
		if l.snap.active && l.s.store.MetaFull(len(q.command)) {
			return // endSnapshot goes on
		}
		l.queue.Pop()
		if q.err = l.admit(q); q.err != nil {
			l.tell(q)
			continue
		}
		l.begin(q)
	}
}

// admit judges a command once more, as the state is now that its turn has come: the caller's rights, and what is limited.
func (l *lead) admit(q *request) error {
	if err := q.judgement.pass(l.s.meta); err != nil {
		return err
	}
	if within := rowOf(q.code).quota.within; within != nil {
		if err := within(&l.s.cfg.Limits, l.s.meta, q.judgement.user, &q.demand); err != nil {
			return err
		}
	}
	if err := l.roomForMetadata(q); err != nil {
		return err
	}
	return l.roomForLogs(q)
}

func (l *lead) begin(q *request) {
	l.event = &metaEvent{q: q, command: q.command}
	if q.move != nil {
		l.moveLog(l.event, q.move)
		return
	}
	e := l.event
	e.raising = q.retires.kind == raisedTopic
	if e.closing, e.raise = l.s.retiredBy(&q.retires); e.raising && len(e.closing) > 0 {
		t, _ := l.s.meta.Topic(q.retires.stream, q.retires.topic)
		e.stream, e.topic = t.Stream, t.ID
	}
	if len(l.event.closing) == 0 {
		l.journal()
		return
	}
	l.event.waiting = len(l.s.g.shards)
	l.event.failed = make([]error, len(l.s.g.shards))
	l.everywhere(msgClose)
	l.s.closeLogs(l.event)
}

// everywhere tells all other shards of the event.
func (l *lead) everywhere(kind messageKind) {
	for _, o := range l.s.g.shards {
		if o != l.s {
			l.s.port.Control(o.id, message{kind: kind, event: l.event})
		}
	}
}

// retiredBy lists the logs that a command will retire, or whose level it will raise to that level; none if it will be refused.
func (s *Shard) retiredBy(r *retirement) (logs []metadata.LogID, raise levels) {
	switch r.kind {
	case retiresNone:
		return nil, levels{}
	case wholeStream:
		st, err := s.meta.Stream(r.stream)
		if err != nil {
			return nil, levels{}
		}
		for t := range st.Topics() {
			logs = appendLogs(logs, t.Partitions)
		}
		return logs, levels{}
	}
	t, err := s.meta.Topic(r.stream, r.topic)
	switch {
	case err != nil:
		return nil, levels{}
	case r.kind == raisedTopic:
		return s.raisedBy(t, r.messages, r.offsets)
	case r.kind == wholeTopic:
		return appendLogs(logs, t.Partitions), levels{}
	case uint64(r.last) > uint64(len(t.Partitions)) || r.last > metadata.PartitionsOnceMax:
		return nil, levels{}
	}
	return appendLogs(logs, t.Partitions[len(t.Partitions)-int(r.last):]), levels{}
}

func appendLogs(logs []metadata.LogID, parts []metadata.Partition) []metadata.LogID {
	for _, p := range parts {
		logs = append(logs, p.Log)
	}
	return logs
}

// closed counts a shard that has closed, or raised, its logs of the event.
func (l *lead) closed(e *metaEvent) {
	if e.waiting--; e.waiting > 0 {
		return
	}
	if err := errors.Join(e.failed...); err != nil {
		e.q.err = err
		l.reopen(e)
		l.answer()
		return
	}
	l.journal()
}

// journal has the command synced.
func (l *lead) journal() {
	l.index++
	l.event.index = l.index
	q := &request{home: l.s, internal: func(s *Shard, q *request) { s.lead.journaled(q.Err) }}
	q.Owner, q.Kind, q.Batch, q.Value, q.WhenShort = q, storage.ReqMeta, l.event.command, l.index, l.event.q.WhenShort
	l.s.askStore(q)
}

// journaled applies the command everywhere.
func (l *lead) journaled(err error) {
	e := l.event
	if err != nil && e.follows {
		l.index--
		l.answer() // its deadlines complete the hand-overs
		return
	}
	if err != nil {
		l.index-- // it is in no journal: the next one follows the last that is
		e.q.err = err
		l.reopen(e)
		l.answer()
		return
	}
	res, err := l.s.meta.Apply(e.index, e.command)
	if !e.follows {
		e.q.result, e.q.err = res, err
	}
	if err != nil {
		l.reopen(e)
		l.answer()
		return
	}
	l.place(e, res.Created)
	l.pending(res.Pending)
	if e.pending = res.Pending; len(res.Pending) > 0 {
		e.clear = make([][]int, len(l.s.g.shards))
	}
	l.s.applied(e, &res)
	e.waiting = len(l.s.g.shards)
	l.everywhere(msgApply)
	l.applied(e)
}

// reopen takes back that the logs of an event were closed: it was refused.
func (l *lead) reopen(e *metaEvent) {
	if len(e.closing) > 0 {
		l.everywhere(msgReopen)
		l.s.reopenLogs(e)
	}
}

// place chooses the owners of new logs.
func (l *lead) place(e *metaEvent, created []metadata.CreatedLog) {
	if len(created) == 0 {
		return
	}
	loads := l.s.g.placement(l.s.owners)
	e.owners = make(map[metadata.LogID]router.ShardID, len(created))
	for _, c := range created {
		owner := router.Place(loads, router.LogID(c.Log))
		loads[owner].Logs++
		e.owners[c.Log] = owner
	}
}

// applied counts a shard that has applied the event.
func (l *lead) applied(e *metaEvent) {
	if e.waiting--; e.waiting > 0 {
		return
	}
	at := slices.Concat(e.clear...)
	if len(at) == 0 {
		l.answer()
		return
	}
	slices.Sort(at) // who gets which first must not depend on where the partitions are
	clear := make([]metadata.Handover, len(at))
	for i, k := range at {
		clear[i] = e.pending[k]
	}
	k := min(len(clear), handoversMax)
	l.groups.completed = append(l.groups.completed, clear[k:]...) // these follow by themselves
	l.event = &metaEvent{q: e.q, command: metadata.EncodeHandOver(nil, l.s.micros(), clear[:k]), follows: true}
	l.journal()
}

// answer ends the command in progress.
func (l *lead) answer() {
	q := l.event.q
	l.event = nil
	l.tell(q)
	l.next()
}

// tell gives a command's outcome to who gave it.
func (l *lead) tell(q *request) {
	switch {
	case q.internal != nil:
		q.internal(l.s, q)
	case q.home == l.s:
		l.s.metaAnswered(q)
	default:
		l.s.port.Reply(q.home.id, message{kind: msgMetaDone, req: q})
	}
}

// forget notes that the files of a retired log are gone, and proposes to take it off the list.
func (l *lead) forget(id metadata.LogID) {
	l.forgotten.Push(id)
	l.proposeForget()
}

// forgetMax is how many logs a command takes off the list of retired ones.
const forgetMax = 1024

func (l *lead) proposeForget() {
	if l.forgets || l.forgotten.Len() == 0 || l.s.stopping {
		return
	}
	l.forgets = true
	cmd := metadata.EncodeForgetLogs(nil, l.s.micros(), l.forgotten.PopN(nil, forgetMax)...)
	l.s.proposeWhenShort(cmd, func(s *Shard, q *request) {
		s.lead.forgets = false
		if q.err != nil {
			s.log.Error("retired logs could not be forgotten; they are tried again at the next start", zap.String("event", "logs_not_forgotten"), zap.Error(q.err))
			return
		}
		s.lead.proposeForget()
	})
}

// applyEvent applies a committed command to this shard's replica.
func (s *Shard) applyEvent(e *metaEvent) {
	res, err := s.meta.Apply(e.index, e.command)
	if err != nil {
		panic(fmt.Sprintf("BUG: shard %d refuses metadata command %d, which shard 0 applied: %v", s.id, e.index, err))
	}
	s.applied(e, &res)
}

// applied does what a command means for the logs of this shard.
func (s *Shard) applied(e *metaEvent, res *metadata.Result) {
	for _, c := range res.Created {
		owner := e.owners[c.Log]
		s.owners.Set(router.LogID(c.Log), owner)
		if owner == s.id {
			s.openLog(&c)
		}
	}
	for _, r := range res.Retired {
		owner, ok := s.owners.Owner(router.LogID(r.Log))
		s.owners.Delete(router.LogID(r.Log))
		if ok && owner == s.id {
			s.landed(storage.LogID(r.Log))
			s.g.counters.drop(r.Log)
			delete(s.delivered, storage.LogID(r.Log))
			s.store.Drop(storage.LogID(r.Log), s.dropped)
		}
	}
	if res.SettingsChanged || len(res.Created)+len(res.Retired) > 0 { // each partition has another share of the topic's size
		s.takeSettingsOf(res.Stream, res.Topic)
	}
	for i := range res.Created { // of all topics of a stream, if that was purged
		if c := &res.Created[i]; c.Topic != res.Topic && (i == 0 || c.Topic != res.Created[i-1].Topic) {
			s.takeSettingsOf(c.Stream, c.Topic)
		}
	}
	for i := range res.DroppedGroups {
		s.dropOffsets(&res.DroppedGroups[i])
	}
	if len(res.Pending) > 0 {
		e.clear[s.id] = s.clearHandovers(res.Pending)
	}
}

// dropped reports a log whose files are gone to the lead.
func (s *Shard) dropped(id storage.LogID, err error) {
	if err != nil {
		s.log.Error("files of a deleted partition could not be removed; they are tried again at the next start",
			zap.String("event", "files_not_removed"), zap.Uint64("log", uint64(id)), zap.Error(err))
		return
	}
	s.forgetting.Push(metadata.LogID(id))
}

// sendForgotten tells the lead of dropped logs, as far as there is room for messages.
func (s *Shard) sendForgotten() {
	for s.forgetting.Len() > 0 {
		id := s.forgetting.First()
		if s.lead != nil {
			s.lead.forget(id)
		} else if s.port.ControlRoom(0) > controlReserve {
			s.port.Control(0, message{kind: msgForget, log: id})
		} else {
			return
		}
		s.forgetting.Pop()
	}
}

// closeLogs closes the logs of the event that this shard owns, or raises their level, and tells the lead when that is done.
func (s *Shard) closeLogs(e *metaEvent) {
	if e.raising {
		s.raiseLogs(e)
		return
	}
	s.prepare(e, func(q *request) {
		q.Kind = storage.ReqClose
		s.landed(q.Log) // polls that wait there look again, and find it closed or empty
	})
}

// prepareMax is how many logs of an event are asked at a time: a request takes a good kilobyte, and an event may have ten thousands.
const prepareMax = 256

// prepare gives each of the event's logs that this shard owns a request, as ask fills it in, and tells the lead when all are
// answered.
func (s *Shard) prepare(e *metaEvent, ask func(q *request)) {
	s.prepareFrom(e, 0, ask)
}

// prepareFrom asks the next logs, from the k-th on, and then those behind them.
func (s *Shard) prepareFrom(e *metaEvent, k int, ask func(q *request)) {
	left := 1
	done := func() {
		if left--; left > 0 {
			return
		}
		switch {
		case k < len(e.closing):
			s.prepareFrom(e, k, ask)
		case s.lead != nil:
			s.lead.closed(e)
		default:
			s.port.Control(0, message{kind: msgClosed, event: e})
		}
	}
	for ; k < len(e.closing) && left <= prepareMax; k++ {
		id := e.closing[k]
		if owner, ok := s.owners.Owner(router.LogID(id)); !ok || owner != s.id {
			continue
		}
		left++
		q := &request{home: s, internal: func(_ *Shard, q *request) {
			if q.Err != nil && (q.Kind == storage.ReqRaise || errors.Is(q.Err, storage.ErrNoSpace)) {
				e.failed[s.id] = q.Err
			}
			done()
		}}
		q.Owner, q.Log = q, storage.LogID(id)
		ask(q)
		s.askStore(q)
	}
	done()
}

// reopenLogs takes back that the logs of an event were closed, or raised: it was refused.
func (s *Shard) reopenLogs(e *metaEvent) {
	if e.raising {
		if t, err := s.meta.Topic(metadata.ByNumber(e.stream), metadata.ByNumber(e.topic)); err == nil {
			s.takeSettings(t)
		}
		return
	}
	for _, id := range e.closing {
		if owner, ok := s.owners.Owner(router.LogID(id)); ok && owner == s.id {
			s.store.Reopen(storage.LogID(id))
		}
	}
}

// openLog makes the log of a new partition.
func (s *Shard) openLog(c *metadata.CreatedLog) {
	l := s.store.OpenLog(s.cfg.logConfig(c.Log, c.Partition, &c.Settings))
	l.Tag = s.g.counters.open(c.Log)
}

// metaAnswered answers the client that gave a metadata command.
func (s *Shard) metaAnswered(q *request) {
	if q.err != nil {
		status := metaStatus(q.err)
		if limit := s.g.limits.count(q.err); limit != "" && q.conn != nil && s.due(evLimitHit) {
			s.limitHit(limit, s.requestFields(q)...)
		}
		if q.code == wire.CodeLogout {
			s.dropMember(q.member.key) // the session is gone: nobody else will
		}
		if isStoreError(q.err) {
			q.Err = q.err
			s.storeFailed(q)
			return
		}
		s.refuse(q, status)
		return
	}
	s.metadataChanged(q)
	if reply := rowOf(q.code).reply; reply != nil {
		reply(s, q)
		return
	}
	s.replyEmpty(q)
}

// snapshotJob writes the metadata's snapshot beside the old one, so that the journal need not carry its commands. It is made in the
// heap, as the metadata is that it is of, and written in pieces from memory of its own: it must not wait for what clients use, as
// without it the journal has no room for commands, deletions included.
type snapshotJob struct {
	active bool
	index  uint64
	data   []byte
	piece  []byte // off-heap; data goes through it
	size   int    // of data, also when it is written
	at     int    // what of data is written, or being written
	fd     int32
	step   int
	again  int64 // monotonic time before which none is tried, after one failed
}

// snapshotPiece is what of a snapshot is written at a time.
const snapshotPiece = 256 << 10

// snapshotPause is how long after a snapshot that failed the next one is tried: the disk may have been full.
const snapshotPause = 10 * time.Second

func (l *lead) maybeSnapshot() {
	if l.snap.active || l.event != nil || !l.s.store.SnapshotDue() || l.s.mono < l.snap.again {
		return
	}
	piece := l.snapMemory.Get(snapshotPiece)
	if piece == nil {
		return // the machine has none: in a later turn
	}
	p := l.s.meta.AppendSnapshot(make([]byte, 0, l.snap.size+l.snap.size/8)) // most are a little larger than the one before
	l.snap = snapshotJob{active: true, index: l.index, data: p, size: len(p), piece: piece}
	l.snapshotStep(0, nil)
}

// snapshotStep takes the outcome of a step and asks for the next.
func (l *lead) snapshotStep(res int64, err error) {
	j := &l.snap
	if err != nil {
		l.s.log.Error("metadata snapshot failed; the journal keeps the commands", zap.String("event", "metadata_snapshot_failed"), zap.Int("step", j.step), zap.Error(err))
		if j.fd != 0 {
			l.s.submit(uring.Op{Kind: uring.KindClose, FD: j.fd, Token: tokNone})
		}
		j.again = l.s.mono + int64(snapshotPause)
		l.endSnapshot()
		return
	}
	dir := l.s.cfg.DataDir + "/state"
	path := dir + "/" + storage.SnapshotName
	op := uring.Op{Token: tokSnapshot, FD: j.fd}
	switch j.step {
	case 0:
		op.Kind, op.Path, op.OpenFlags = uring.KindOpen, path+".tmp", uring.OpenFlags(true, false)
	case 1:
		j.fd = int32(res)
		op.Kind, op.FD = uring.KindTruncate, j.fd
	case 2:
		n := copy(j.piece, j.data[j.at:])
		op.Kind, op.Pos, op.Buf = uring.KindWrite, int64(j.at), j.piece[:n]
		if j.at += n; j.at < j.size {
			j.step-- // once more
		}
	case 3:
		op.Kind = uring.KindFdatasync
	case 4:
		op.Kind = uring.KindClose
		j.fd = 0
	case 5:
		op.Kind, op.Path, op.Path2 = uring.KindRename, path+".tmp", path
	case 6:
		op.Kind, op.Path = uring.KindSyncDir, dir
	default:
		l.s.store.MetaSnapshotted(j.index)
		l.endSnapshot()
		return
	}
	j.step++
	l.s.submit(op)
}

func (l *lead) endSnapshot() {
	l.snapMemory.Put(l.snap.piece)
	l.snap.data, l.snap.piece, l.snap.active = nil, nil, false
	l.next()
}
