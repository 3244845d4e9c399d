package control

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/metadata"
)

// world is everything outside of a Control, made of a seed: shards that do what effects ask, each in its order and in its own time, a
// journal and a disk that fail now and then. It checks what holds at every step.
type world struct {
	t        *testing.T
	r        *rand.Rand
	room     *Control
	facts    Facts
	replicas []*metadata.Machine // by shard; the first one is the room's
	todo     [][]func()          // by shard: what it has been told, in order
	alone    []func()            // outcomes that come whenever they like
	failing  int                 // of a hundred outcomes

	given    map[*metadata.Proposal]bool // and not answered
	byBytes  map[*byte]uint64            // index of a committed command
	last     uint64                      // index of the last command that is safe
	commits  int                         // times that something was made safe
	owners   map[metadata.LogID]int
	closing  map[uint64]int // shards that close logs of a command
	raised   bool           // levels, by the command in progress
	keep     bool           // no hand-over can be completed at once
	moves    int            // asked for, and not answered
	sessions map[metadata.MemberKey]bool
	answered int
	refused  int
	micros   metadata.Micros
}

var (
	errDisk   = errors.New("test: the disk refuses")
	errNoRoom = errors.New("test: no room")
)

const shards = 3

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), todo: make([][]func(), shards), given: map[*metadata.Proposal]bool{}, byBytes: map[*byte]uint64{},
		owners: map[metadata.LogID]int{}, closing: map[uint64]int{}, sessions: map[metadata.MemberKey]bool{}, micros: 1 << 50}
	root := metadata.EncodeCreateUser(nil, 1, metadata.CreateUser{Name: []byte("root"), PasswordPHC: "$h", Status: metadata.UserActive})
	for range shards {
		m := metadata.New()
		if _, err := m.Apply(1, root); err != nil {
			t.Fatal(err)
		}
		w.replicas = append(w.replicas, m)
	}
	w.last = 1
	w.room = New(Config{Shards: shards, EntryBytes: 112, RebalancingTimeout: 30e9, TokenCleanerInterval: 60e9,
		Limits: metadata.Limits{Streams: 5, Topics: 5, Partitions: 20, Users: 8, Tokens: 3, Groups: 4, Members: 5, Bytes: 1 << 30},
		Place: func(logs []int, log metadata.LogID) int {
			best := int(log) % len(logs)
			for i := range logs {
				if logs[i] < logs[best] {
					best = i
				}
			}
			return best
		}}, w.replicas[0], 1)
	w.facts = Facts{Mono: 1, CommitFree: 1 << 20, CommitMax: 1 << 18, Logs: make([]int, shards)}
	return w
}

// step gives the room an event, and notes what it wants.
func (w *world) step(e Event) {
	w.t.Helper()
	w.micros++
	w.facts.Micros = w.micros
	clear(w.facts.Logs)
	for _, owner := range w.owners {
		w.facts.Logs[owner]++
	}
	for _, x := range slices.Clone(w.room.Step(&w.facts, &e)) {
		w.do(&x)
	}
}

func (w *world) fails() bool { return w.r.IntN(100) < w.failing }

func (w *world) everywhere(f func(shard int)) {
	for i := range w.todo {
		w.todo[i] = append(w.todo[i], func() { f(i) })
	}
}

func (w *world) do(x *Effect) {
	w.t.Helper()
	switch x.Kind {
	case EffectPrepare:
		w.prepare(x)
	case EffectUnprepare:
		if !w.raised {
			w.t.Fatal("what was not raised is taken back")
		}
		w.raised = false
	case EffectCommit:
		w.commit(x.Entries)
	case EffectApply:
		w.apply(x.Run, x.Results)
	case EffectAnswer:
		w.answer(x.Proposal)
	case EffectFindMember:
		key := x.Key
		w.alone = append(w.alone, func() { w.step(Event{Kind: EventMember, Key: key, Back: w.sessions[key]}) })
	case EffectMove:
		m := x.Move
		from := w.owners[m.Log]
		w.todo[from] = append(w.todo[from], func() {
			if _, there := w.owners[m.Log]; !there || w.fails() {
				w.step(Event{Kind: EventMoved, Err: errDisk})
				return
			}
			w.owners[m.Log] = m.To
			w.step(Event{Kind: EventMoved})
		})
	case EffectMap:
		w.everywhere(func(int) { w.step(Event{Kind: EventMapped}) })
	case EffectAnswerMove:
		w.moves--
	case EffectSnapshot:
		if x.Step == SnapshotOpen {
			w.facts.SnapshotDue = false
		}
		w.alone = append(w.alone, func() {
			if w.fails() {
				w.step(Event{Kind: EventSnapshot, Err: errDisk})
				return
			}
			w.step(Event{Kind: EventSnapshot})
		})
	case EffectSnapshotted:
		w.facts.CommitFree = 1 << 20
	}
}

// prepare has every shard raise its logs, or fail.
func (w *world) prepare(x *Effect) {
	if x.Proposal.Retires.Kind != metadata.RaisedTopic {
		w.t.Fatal("a command that raises nothing is prepared")
	}
	w.raised = true
	w.everywhere(func(int) {
		if w.fails() {
			w.step(Event{Kind: EventPrepared, Err: errDisk})
			return
		}
		w.step(Event{Kind: EventPrepared})
	})
}

// commit makes commands safe: all of them, or none.
func (w *world) commit(entries []Entry) {
	w.t.Helper()
	for i := range entries {
		if want := w.last + uint64(i) + 1; entries[i].Index != want {
			w.t.Fatalf("command %d is to be made safe, %d is next", entries[i].Index, want)
		}
	}
	w.alone = append(w.alone, func() {
		if w.fails() {
			w.step(Event{Kind: EventCommitted, Err: errNoRoom})
			return
		}
		w.commits++
		for i := range entries {
			w.last = entries[i].Index
			w.byBytes[&entries[i].Command[0]] = w.last
			w.facts.CommitFree -= int64(len(entries[i].Command)) + 112
		}
		w.facts.SnapshotDue = w.facts.CommitFree < 1<<19
		w.step(Event{Kind: EventCommitted})
	})
}

// apply has every shard apply commands; the first one's replica has. Owners of retired logs close them, each in its own time.
func (w *world) apply(run *Run, results []metadata.Result) {
	closing := make([][]uint64, shards)
	for i := range run.Entries {
		e, res := &run.Entries[i], &results[i]
		for k := range res.Created {
			w.owners[res.Created[k].Log] = e.Owners[k]
		}
		for _, r := range res.Retired {
			if owner := w.owners[r.Log]; !slices.Contains(closing[owner], e.Index) {
				closing[owner] = append(closing[owner], e.Index)
				w.closing[e.Index]++
			}
			delete(w.owners, r.Log)
		}
	}
	w.everywhere(func(shard int) {
		var cleared []int
		pending := 0
		for i := range run.Entries {
			if e := &run.Entries[i]; shard > 0 {
				res, err := w.replicas[shard].Apply(e.Index, e.Command)
				if err != nil {
					w.t.Fatalf("shard %d refuses command %d: %v", shard, e.Index, err)
				}
				pending += len(res.Pending)
			}
		}
		for k := range run.Pending {
			if !w.keep && k%shards == shard && w.r.IntN(2) == 0 {
				cleared = append(cleared, k)
			}
		}
		if shard > 0 && pending != len(run.Pending) {
			w.t.Fatalf("%d hand-overs at shard %d, %d in the run", pending, shard, len(run.Pending))
		}
		w.step(Event{Kind: EventApplied, Clear: cleared, Closing: closing[shard]})
		for _, index := range closing[shard] {
			w.alone = append(w.alone, func() {
				w.closing[index]--
				w.step(Event{Kind: EventClosed, Closed: []uint64{index}})
			})
		}
	})
}

// answer looks whether an answer is the only one, and whether what it says is everywhere.
func (w *world) answer(p *metadata.Proposal) {
	w.t.Helper()
	if !w.given[p] {
		w.t.Fatalf("a command is answered that was not given, or was answered before: %v", p.Err)
	}
	delete(w.given, p)
	w.answered++
	if p.Err != nil {
		w.refused++
		return
	}
	index := w.byBytes[&p.Command[0]]
	if n := w.closing[index]; n > 0 {
		w.t.Fatalf("command %d is answered, and %d shards take appends to its logs", index, n)
	}
	for shard, m := range w.replicas {
		if index == 0 || m.Revision() < index {
			w.t.Fatalf("command %d is answered, and shard %d has applied %d", index, shard, m.Revision())
		}
	}
}

// proposal makes a command that may well be refused: few names, several users, small limits.
func (w *world) proposal() *metadata.Proposal {
	name := func(kind string) []byte { return fmt.Appendf(nil, "%s%d", kind, w.r.IntN(6)) }
	by := func(kind string) metadata.Ident { return metadata.ByName(name(kind)) }
	stream, topic, group, user := by("stream"), by("topic"), by("group"), by("user")
	key := metadata.MemberKey{byte(w.r.IntN(8))}
	who := metadata.Subject{User: metadata.RootID, Since: 1, Secured: 1}
	if u, err := w.replicas[w.r.IntN(shards)].Accounts.User(user); err == nil && w.r.IntN(3) == 0 {
		who = metadata.SubjectOf(u)
	}
	p := &metadata.Proposal{}
	is := func(a metadata.Action, command []byte) {
		p.Command, p.Judgement = command, metadata.Judgement{Subject: who, Action: a, Stream: stream, Topic: topic}
	}
	at := w.micros
	switch w.r.IntN(16) {
	case 0, 1:
		n := name("stream")
		is(metadata.ActionCreateStream, metadata.EncodeCreateStream(nil, at, n))
		p.Quota, p.Demand = &metadata.QuotaOfStreams, metadata.Demand{Name: n}
	case 2, 3, 4:
		n, parts := name("topic"), uint32(w.r.IntN(6))
		is(metadata.ActionCreateTopic, metadata.EncodeCreateTopic(nil, at, metadata.CreateTopic{Stream: stream, Name: n, Partitions: parts}))
		p.Quota, p.Demand = &metadata.QuotaOfTopics, metadata.Demand{Stream: stream, Name: n, Partitions: parts, Parts: metadata.NewTopic}
	case 5:
		parts := 1 + uint32(w.r.IntN(6))
		is(metadata.ActionCreatePartitions, metadata.EncodeCreatePartitions(nil, at, stream, topic, parts))
		p.Quota, p.Demand = &metadata.QuotaOfPartitions, metadata.Demand{Stream: stream, Topic: topic, Partitions: parts, Parts: metadata.MoreOfTopic}
	case 6:
		is(metadata.ActionDeletePartitions, metadata.EncodeDeletePartitions(nil, at, stream, topic, 2))
		p.Retires = metadata.Retirement{Kind: metadata.RetiresLogs}
	case 7:
		if w.r.IntN(2) == 0 {
			is(metadata.ActionDeleteTopic, metadata.EncodeDeleteTopic(nil, at, stream, topic))
		} else {
			is(metadata.ActionPurgeTopic, metadata.EncodePurgeTopic(nil, at, stream, topic))
		}
		p.Retires = metadata.Retirement{Kind: metadata.RetiresLogs}
	case 8:
		if w.r.IntN(3) == 0 {
			is(metadata.ActionDeleteStream, metadata.EncodeDeleteStream(nil, at, stream))
		} else {
			is(metadata.ActionPurgeStream, metadata.EncodePurgeStream(nil, at, stream))
		}
		p.Retires = metadata.Retirement{Kind: metadata.RetiresLogs}
	case 9:
		is(metadata.ActionUpdateTopic, metadata.EncodeSetLevels(nil, at, stream, topic, metadata.LevelPersisted, 0))
		p.Retires = metadata.Retirement{Kind: metadata.RaisedTopic, Stream: stream, Topic: topic, Messages: metadata.LevelPersisted}
	case 10:
		n := name("group")
		is(metadata.ActionCreateGroup, metadata.EncodeCreateGroup(nil, at, stream, topic, n))
		p.Quota, p.Demand = &metadata.QuotaOfGroups, metadata.Demand{Stream: stream, Topic: topic, Name: n}
	case 11, 12:
		is(metadata.ActionJoinGroup, metadata.EncodeJoinGroup(nil, at, stream, topic, group, key))
		p.Quota, p.Demand = &metadata.QuotaOfMembers, metadata.Demand{Stream: stream, Topic: topic, Group: group, Member: key}
	case 13:
		is(metadata.ActionLeaveGroup, metadata.EncodeLeaveGroup(nil, at, stream, topic, group, key))
	case 14:
		n := name("user")
		is(metadata.ActionCreateUser, metadata.EncodeCreateUser(nil, at, metadata.CreateUser{Name: n, PasswordPHC: "$h", Status: metadata.UserActive,
			Permissions: &metadata.Permissions{Global: metadata.GlobalRights(w.r.IntN(1 << 10))}}))
		p.Quota, p.Demand = &metadata.QuotaOfUsers, metadata.Demand{Name: n}
	default:
		is(metadata.ActionDeleteUser, metadata.EncodeDeleteUser(nil, at, user))
	}
	return p
}

// act does one thing that may happen now.
func (w *world) act() {
	w.t.Helper()
	w.facts.Mono += int64(w.r.IntN(100_000_000))
	switch w.r.IntN(12) {
	case 0, 1, 2:
		p := w.proposal()
		w.given[p] = true
		w.step(Event{Kind: EventProposed, Proposal: p})
	case 3:
		w.step(Event{Kind: EventTick})
	case 4:
		w.news()
	default:
		w.happen()
	}
}

// news is what comes up without anybody having asked.
func (w *world) news() {
	w.t.Helper()
	key := metadata.MemberKey{byte(w.r.IntN(8))}
	switch w.r.IntN(4) {
	case 0:
		w.sessions[key] = w.r.IntN(3) == 0
		w.step(Event{Kind: EventGroups, Leavers: []metadata.MemberKey{key}})
	case 1:
		if retired := w.replicas[0].LogIDs.Retired(); len(retired) > 0 {
			w.step(Event{Kind: EventFilesGone, Logs: slices.Clone(retired[:1+w.r.IntN(len(retired))])})
		}
	case 2:
		w.moves++
		w.step(Event{Kind: EventMove, Move: &Move{Log: metadata.LogID(1 + w.r.IntN(20)), To: w.r.IntN(shards + 1)}})
	case 3:
		short := w.failing > 0 && w.r.IntN(4) == 0
		w.facts.Short, w.facts.Refuses, w.facts.RefusesFree = short, nil, nil
		if short {
			w.facts.Refuses = errNoRoom
		}
		if short && w.r.IntN(2) == 0 {
			w.facts.RefusesFree = errNoRoom
		}
	}
}

// happen has one outcome come, if any is due.
func (w *world) happen() bool {
	w.t.Helper()
	k := w.r.IntN(shards + 1)
	for range shards + 1 {
		if k < shards && len(w.todo[k]) > 0 {
			f := w.todo[k][0]
			w.todo[k] = w.todo[k][1:]
			f()
			return true
		}
		if k == shards && len(w.alone) > 0 {
			i := w.r.IntN(len(w.alone))
			f := w.alone[i]
			w.alone = slices.Delete(w.alone, i, i+1)
			f()
			return true
		}
		k = (k + 1) % (shards + 1)
	}
	return false
}

// settle lets everything come to its end, without further failures, and compares the replicas.
func (w *world) settle() {
	w.t.Helper()
	w.failing, w.facts.Short, w.facts.Refuses, w.facts.RefusesFree = 0, false, nil, nil
	for n := 0; ; n++ {
		for w.happen() {
		}
		if !w.room.Busy() {
			break
		}
		if n == 10_000 {
			w.t.Fatal("the room does not come to rest")
		}
		w.facts.Mono += 1e9
		w.step(Event{Kind: EventTick})
	}
	if len(w.given) > 0 || w.moves > 0 {
		w.t.Fatalf("%d commands and %d moves are not answered", len(w.given), w.moves)
	}
	first := w.replicas[1].AppendSnapshot(nil)
	for shard, m := range w.replicas[2:] {
		if !bytes.Equal(first, m.AppendSnapshot(nil)) {
			w.t.Fatalf("shards 1 and %d have different states", shard+2)
		}
	}
}
