package call

import (
	"bytes"
	"errors"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

var (
	stream, topic, group = wire.Named("s"), wire.Named("t"), wire.Named("g")
	one                  = wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}
)

func sendBody(t testing.TB, how wire.Partitioning) []byte {
	var b batch.Builder
	if err := b.Add([16]byte{1}, bytes.Repeat([]byte{'x'}, 100), nil); err != nil {
		t.Fatal(err)
	}
	return append(vsr.AppendSendMessages(nil, wire.SendMessages{Stream: stream, Topic: topic, Partitioning: how, Count: 1}), b.Bytes()...)
}

// frames are requests that work, to begin with.
func frames(t testing.TB) map[wire.Code][]byte {
	in0 := wire.InPartition(0)
	return map[wire.Code][]byte{
		wire.CodePing: nil, wire.CodeLogout: nil, wire.CodeGetStats: nil, wire.CodeGetMe: nil, wire.CodeGetClusterMetadata: nil, wire.CodeGetStreams: nil,
		wire.CodeGetUsers: nil, wire.CodeGetTokens: nil, wire.CodeGetClients: nil,
		wire.CodeGetClient:       vsr.AppendGetClient(nil, wire.GetClient{ID: 7}),
		wire.CodeGetSnapshotFile: vsr.AppendGetSnapshotFile(nil, wire.GetSnapshotFile{Compression: 1}),
		wire.CodeLogin: vsr.AppendLogin(nil, wire.Login{Protocol: vsr.Protocol, SDKName: []byte("t"), SDKVersion: []byte("1"),
			Username: []byte("root"), Password: []byte("secret")}),
		wire.CodeDescribeOptions:   vsr.AppendDescribeOptions(nil, wire.DescribeOptions{Scope: wire.ScopeTopic}),
		wire.CodeGetUser:           vsr.AppendGetUser(nil, wire.GetUser{User: wire.Named("root")}),
		wire.CodeCreateUser:        vsr.AppendCreateUser(nil, wire.CreateUser{Username: []byte("other"), Password: []byte("secret"), Status: wire.UserActive}),
		wire.CodeDeleteUser:        vsr.AppendDeleteUser(nil, wire.DeleteUser{User: wire.Named("nobody")}),
		wire.CodeUpdateUser:        vsr.AppendUpdateUser(nil, wire.UpdateUser{User: wire.Named("nobody"), HasUsername: true, Username: []byte("some")}),
		wire.CodeUpdatePermissions: vsr.AppendUpdatePermissions(nil, wire.UpdatePermissions{User: wire.Named("nobody"), Permissions: &wire.Permissions{Global: 1}}),
		wire.CodeChangePassword:    vsr.AppendChangePassword(nil, wire.ChangePassword{User: wire.Named("root"), Current: []byte("secret"), New: []byte("secret2")}),
		wire.CodeCreateToken:       vsr.AppendCreateToken(nil, wire.CreateToken{Name: []byte("k")}),
		wire.CodeDeleteToken:       vsr.AppendDeleteToken(nil, wire.DeleteToken{Name: []byte("k")}),
		wire.CodeGetStream:         vsr.AppendGetStream(nil, wire.GetStream{Stream: stream}),
		wire.CodeCreateStream:      vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("other")}),
		wire.CodeUpdateStream:      vsr.AppendUpdateStream(nil, wire.UpdateStream{Stream: stream, Name: []byte("s")}),
		wire.CodeDeleteStream:      vsr.AppendDeleteStream(nil, wire.DeleteStream{Stream: stream}),
		wire.CodePurgeStream:       vsr.AppendPurgeStream(nil, wire.PurgeStream{Stream: stream}),
		wire.CodeGetTopics:         vsr.AppendGetTopics(nil, wire.GetTopics{Stream: stream}),
		wire.CodeGetTopic:          vsr.AppendGetTopic(nil, wire.GetTopic{Stream: stream, Topic: topic}),
		wire.CodeCreateTopic:       vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: stream, Name: []byte("other"), PartitionsCount: 1}),
		wire.CodeUpdateTopic:       vsr.AppendUpdateTopic(nil, wire.UpdateTopic{Stream: stream, Topic: topic, Name: []byte("t")}),
		wire.CodeSetDurability:     vsr.AppendSetDurability(nil, wire.SetDurability{Stream: stream, Topic: topic, Messages: 1}),
		wire.CodeDeleteTopic:       vsr.AppendDeleteTopic(nil, wire.DeleteTopic{Stream: stream, Topic: topic}),
		wire.CodePurgeTopic:        vsr.AppendPurgeTopic(nil, wire.PurgeTopic{Stream: stream, Topic: topic}),
		wire.CodeCreatePartitions:  vsr.AppendCreatePartitions(nil, wire.CreatePartitions{Stream: stream, Topic: topic, Count: 1}),
		wire.CodeDeletePartitions:  vsr.AppendDeletePartitions(nil, wire.DeletePartitions{Stream: stream, Topic: topic, Count: 1}),
		wire.CodeDeleteSegments:    vsr.AppendDeleteSegments(nil, wire.DeleteSegments{Stream: stream, Topic: topic, Count: 1}),
		wire.CodeSendMessages:      sendBody(t, wire.Partitioning{Kind: wire.ToPartition}),
		wire.CodePollMessages: vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: one, Stream: stream, Topic: topic, Partition: in0,
			Strategy: wire.Strategy{Kind: wire.FromOffset, Value: 1}, Count: 2, AutoCommit: true}),
		wire.CodeFlushUnsavedBuffer:   vsr.AppendFlushUnsavedBuffer(nil, wire.FlushUnsavedBuffer{Stream: stream, Topic: topic, Sync: true}),
		wire.CodeStoreConsumerOffset:  vsr.AppendStoreConsumerOffset(nil, wire.StoreConsumerOffset{Consumer: one, Stream: stream, Topic: topic, Partition: in0, Offset: 1, Ack: wire.AckQuorum}),
		wire.CodeGetConsumerOffset:    vsr.AppendGetConsumerOffset(nil, wire.GetConsumerOffset{Consumer: one, Stream: stream, Topic: topic, Partition: in0}),
		wire.CodeDeleteConsumerOffset: vsr.AppendDeleteConsumerOffset(nil, wire.DeleteConsumerOffset{Consumer: one, Stream: stream, Topic: topic, Partition: in0, Ack: wire.AckQuorum}),
		wire.CodeGetConsumerGroup:     vsr.AppendGetConsumerGroup(nil, wire.GetConsumerGroup{Stream: stream, Topic: topic, Group: group}),
		wire.CodeGetConsumerGroups:    vsr.AppendGetConsumerGroups(nil, wire.GetConsumerGroups{Stream: stream, Topic: topic}),
		wire.CodeCreateConsumerGroup:  vsr.AppendCreateConsumerGroup(nil, wire.CreateConsumerGroup{Stream: stream, Topic: topic, Name: []byte("h")}),
		wire.CodeDeleteConsumerGroup:  vsr.AppendDeleteConsumerGroup(nil, wire.DeleteConsumerGroup{Stream: stream, Topic: topic, Group: group}),
		wire.CodeJoinConsumerGroup:    vsr.AppendJoinConsumerGroup(nil, wire.JoinConsumerGroup{Stream: stream, Topic: topic, Group: group}),
		wire.CodeLeaveConsumerGroup:   vsr.AppendLeaveConsumerGroup(nil, wire.LeaveConsumerGroup{Stream: stream, Topic: topic, Group: group}),
		wire.CodeSyncConsumerGroup:    vsr.AppendSyncConsumerGroup(nil, wire.SyncConsumerGroup{Stream: stream, Topic: topic, Group: group}),
	}
}

// addGroup makes the group g.
func (g *rig) addGroup() {
	g.t.Helper()
	g.apply(metadata.EncodeCreateGroup(nil, 1, metadata.ByName([]byte("s")), metadata.ByName([]byte("t")), []byte("g")))
}

// TestEveryCommandIsAuthorized sends each command of the table as root, as a user without rights, without a session, and as a user who is gone. Only
// root's brings anything about; and each ends with one thing that is to be done.
func TestEveryCommandIsAuthorized(t *testing.T) {
	acts := Part | Proposed | Asks
	free := map[wire.Code]bool{wire.CodeGetTokens: true, wire.CodeCreateToken: true, wire.CodeDeleteToken: true, wire.CodeGetMe: true, wire.CodeDescribeOptions: true,
		wire.CodeGetClusterMetadata: true, wire.CodeSyncConsumerGroup: true} // for everybody with a session
	bodies := frames(t)
	for code := range wire.Code(codeMax + 1) {
		k, unknown := commandOf(code)
		if unknown != wire.StatusOK || code == wire.CodeSeveral { // whose parts are judged: TestPartsAreJudgedEach
			continue
		}
		body, there := bodies[code]
		if !there {
			t.Errorf("command %v is not tried", code)
			continue
		}
		g := newRig(t, nil)
		g.addGroup()
		c, e := g.send(code, body)
		if k.retires != nil && (c.Proposal.Retires.Kind == metadata.RetiresNone) || e&Proposed != 0 && (k.demands != nil) != (c.Proposal.Quota != nil && c.Proposal.Quota.Within != nil) {
			t.Errorf("command %v: what it retires and adds is not in its proposal: %+v", code, c.Proposal)
		}
		if e&(acts|Replied) == 0 && c.list == nil || e&Replied != 0 && e&acts != 0 {
			t.Errorf("command %v: effects %b", code, e)
		}
		if e&Replied != 0 && statusIn(g.reply(c)) != wire.StatusOK {
			t.Errorf("command %v of root: %v", code, statusIn(g.reply(c)))
		}
		if k.session || free[code] {
			continue
		}
		refused := func(who string, g *rig) {
			if c, e := g.send(code, body); e&acts != 0 || e&Replied == 0 || statusIn(g.reply(c)) == wire.StatusOK {
				t.Errorf("command %v of %s: effects %b", code, who, e)
			}
		}
		g = newRig(t, nil)
		g.addGroup()
		g.as("nobody")
		refused("a user without rights", g)
		g.apply(metadata.EncodeDeleteUser(nil, 1, metadata.ByName([]byte("nobody"))))
		refused("a user who is gone", g)
		g.peer.Unbind()
		g.number = 0
		refused("a stranger", g)
	}
}

// TestUnjudgedIsRefused: a handler that forgets to look at rights shows nothing and does nothing.
func TestUnjudgedIsRefused(t *testing.T) {
	g := newRig(t, nil)
	for _, forgets := range []func(c *Call){
		func(c *Call) { g.r.answer(c, &wire.ClusterMetadata{Name: "x"}) },
		func(c *Call) { g.r.toOwner(c, 1) },
		func(c *Call) { g.r.propose(c, []byte("x")) },
		func(c *Call) { g.r.lists.start(c, &listing{step: listStreams}) },
	} {
		h := newHeld()
		h.x.Peer, h.c.Code = &g.peer, wire.CodeGetStreams
		forgets(&h.c)
		if s := g.status(&h.c, g.effects(&h.c)); s != wire.StatusUnauthorized || len(g.news(Unauthorized)) != 1 {
			t.Errorf("a handler that looks at no rights is answered %v", s)
		}
	}
}

// TestAnotherRightIsNoAuthorization: a handler has to ask for a right that the table has for its command.
func TestAnotherRightIsNoAuthorization(t *testing.T) {
	g := newRig(t, nil)
	for _, asks := range []func(c *Call) bool{
		func(c *Call) bool { return g.r.may(c, metadata.ActionGetMe, 0, 0) },
		func(c *Call) bool { return g.r.authorize(c, metadata.ActionGetMe, nothing, nothing) },
	} {
		h := newHeld()
		h.x.Peer, h.c.Code = &g.peer, wire.CodeGetStreams
		if !asks(&h.c) {
			t.Fatal("root may not")
		}
		g.r.answer(&h.c, &wire.ClusterMetadata{Name: "x"})
		if s := g.status(&h.c, g.effects(&h.c)); s != wire.StatusUnauthorized {
			t.Errorf("answered %v", s)
		}
	}
}

// TestWhoseSessionHasEndedSeesNothing: not even what is not there; but it may ping.
func TestWhoseSessionHasEndedSeesNothing(t *testing.T) {
	g := newRig(t, nil)
	g.as("nobody")
	g.apply(metadata.EncodeResetPassword(nil, 1, metadata.ByName([]byte("nobody")), "$other"))
	none := vsr.AppendGetStream(nil, wire.GetStream{Stream: wire.Named("none")})
	for code, want := range map[wire.Code]wire.Status{wire.CodeGetStream: wire.StatusUnauthenticated, wire.CodePing: wire.StatusOK} {
		body := none
		if code == wire.CodePing {
			body = nil
		}
		if s := g.status(g.send(code, body)); s != want {
			t.Errorf("%v: %v, want %v", code, s, want)
		}
	}
}

// TestAHurriedPollDoesNotWait: the next request is behind it already.
func TestAHurriedPollDoesNotWait(t *testing.T) {
	g := newRig(t, nil)
	h := newHeld()
	h.x.Peer, h.x.Frame, h.x.Hurried = &g.peer, g.frame(wire.CodePollMessages, frames(t)[wire.CodePollMessages]), true
	g.r.Dispatch(&h.c)
	if e := g.effects(&h.c); e != FrameDone|Part || !h.c.AtOnce {
		t.Errorf("effects %b, at once %v", e, h.c.AtOnce)
	}
}

// TestSendIsAPart follows a send to its log and back, and a poll. Neither allocates anything.
func TestSendIsAPart(t *testing.T) {
	g := newRig(t, nil)
	p, _, err := g.m.Partition(metadata.ByName([]byte("s")), metadata.ByName([]byte("t")), 1)
	if err != nil {
		t.Fatal(err)
	}
	h := newHeld()
	send := g.frame(wire.CodeSendMessages, sendBody(t, wire.Partitioning{Kind: wire.ToPartition, Partition: 1}))
	poll := g.frame(wire.CodePollMessages, frames(t)[wire.CodePollMessages])
	do := func(frame []byte, want Effect, answer func()) {
		h.x.Peer, h.x.Frame, h.x.Number = &g.peer, frame, 1
		g.r.Dispatch(&h.c)
		if c, e := g.r.Take(); c != &h.c || e != want {
			t.Fatalf("effects %b of %p, want %b of %p", e, c, want, &h.c)
		}
		answer()
		g.r.Answered(&h.c)
		if c, e := g.r.Take(); c != &h.c || e&Replied == 0 {
			t.Fatalf("effects %b when it is answered", e)
		}
	}
	over := func() {
		g.r.Clear(&h.c)
		h.p.Clear()
	}
	sent := func() {
		do(send, Part, func() {
			if h.p.Kind != storage.ReqAppend || h.p.Log != storage.LogID(p.Log) || len(h.p.Batch) == 0 || h.c.Partition != 1 {
				t.Fatalf("part %+v", h.p)
			}
			h.p.Base = 42
		})
	}
	sent()
	if placed, told := vsr.DecodeSendMessagesReply(g.reply(&h.c).Body); !told || placed.BaseOffset != 42 || placed.PartitionID != 1 {
		t.Errorf("placed %+v, %v", placed, told)
	}
	over()
	polled := func() {
		do(poll, FrameDone|Part, func() {
			if h.p.Kind != storage.ReqPoll || !h.x.Watched || h.c.Subject != subjectIn(&g.peer.Session) || h.c.AtOnce || h.p.BytesMax != PollBytesMax {
				t.Fatalf("part %+v", h.p)
			}
			h.p.Records, h.p.Current = 0, 9
		})
		over()
	}
	polled()
	if n := testing.AllocsPerRun(1000, func() { sent(); over(); polled() }); n != 0 {
		t.Errorf("a send and a poll allocate %v times", n)
	}
}

// TestLogErrorsHaveStatuses: what a log refuses is told in the protocol's words; only what may pass is asked again under its number.
func TestLogErrorsHaveStatuses(t *testing.T) {
	for _, c := range []struct {
		err    error
		status wire.Status
		failed int
	}{
		{storage.ErrUnknownLog, wire.StatusTransientNotAccepted, 0},
		{storage.ErrNoMemory, wire.StatusTransientNotCommitted, 0},
		{storage.ErrFenced, wire.StatusCannotAppendMessage, 0},
		{metadata.ErrNoSession, wire.StatusUnauthenticated, 0},
		{metadata.ErrForbidden, wire.StatusUnauthorized, 0},
		{errors.New("unheard of"), wire.StatusIOError, 1},
	} {
		g := newRig(t, nil)
		x, e := g.send(wire.CodeDeleteSegments, frames(t)[wire.CodeDeleteSegments])
		if e != FrameDone|Part {
			t.Fatalf("effects %b", e)
		}
		x.Err = c.err
		g.r.Answered(x)
		again := c.status == wire.StatusTransientNotAccepted || c.status == wire.StatusTransientNotCommitted
		if s := g.status(x, g.effects(x)); s != c.status || again != (g.peer.Highest == g.number-1) {
			t.Errorf("%v: %v, want %v; the highest number is %d of %d", c.err, s, c.status, g.peer.Highest, g.number)
		}
		if n := g.news(RequestFailed); len(n) != c.failed {
			t.Errorf("%v: %d lines of a failed request", c.err, len(n))
		}
	}
}

// TestAMemberHasNothingElsewhere: who polls a partition of a group that is not its own finds nothing, and may not store an offset there.
func TestAMemberHasNothingElsewhere(t *testing.T) {
	g := newRig(t, nil)
	g.addGroup()
	in := wire.Consumer{Kind: wire.GroupConsumer, ID: group}
	c, e := g.send(wire.CodePollMessages, vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: in, Stream: stream, Topic: topic,
		Partition: wire.InPartition(1), Strategy: wire.Strategy{Kind: wire.FromNext}, Count: 1}))
	if e != FrameDone|Part || !c.Consumer.Group || c.Member != someClient || c.Group != metadata.GroupID(c.Consumer.ID) {
		t.Fatalf("effects %b, consumer %+v", e, c.Consumer)
	}
	c.Err = storage.ErrNotOwned
	g.r.Answered(c)
	if s := g.status(c, g.effects(c)); s != wire.StatusOK {
		t.Errorf("the poll: %v", s)
	}
	if p, err := vsr.DecodePollMessagesReply(g.reply(c).Body); err != nil || p.PartitionID != wire.NotOwned || p.Count != 0 {
		t.Errorf("the poll finds %+v, %v", p, err)
	}
	c, _ = g.send(wire.CodeStoreConsumerOffset, vsr.AppendStoreConsumerOffset(nil, wire.StoreConsumerOffset{Consumer: in, Stream: stream, Topic: topic,
		Partition: wire.InPartition(1), Offset: 1, Ack: wire.AckQuorum}))
	c.Err = storage.ErrNotOwned
	g.r.Answered(c)
	if s := g.status(c, g.effects(c)); s != wire.StatusResourceNotFound {
		t.Errorf("storing an offset: %v", s)
	}
}

// TestOutcomesOfProposals: an applied command is answered with what it made, a refused one by its reason, which its limit counts.
func TestOutcomesOfProposals(t *testing.T) {
	g := newRig(t, nil)
	c, e := g.send(wire.CodeCreateStream, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("new")}))
	if e != Proposed || c.Proposal.Owner != c.Holder || c.Proposal.Judgement.Action != metadata.ActionCreateStream {
		t.Fatalf("effects %b, proposal %+v", e, c.Proposal)
	}
	c.Proposal.Result = g.apply(c.Proposal.Command)
	g.r.Outcome(c)
	if s := g.status(c, g.effects(c)); s != wire.StatusOK {
		t.Fatal(s)
	}
	if st, err := vsr.DecodeCreateStreamReply(g.reply(c).Body); err != nil || st.Name != "new" {
		t.Errorf("made %+v, %v", st, err)
	}
	if n := g.news(Changed); len(n) != 1 || n[0].Object != "new" {
		t.Errorf("news %+v", n)
	}
	c, _ = g.send(wire.CodeCreateStream, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("more")}))
	c.Proposal.Err = &metadata.Full{TooMany: metadata.ErrTooManyStreams}
	g.r.Outcome(c)
	if s := g.status(c, g.effects(c)); s != wire.StatusTooManyStreams {
		t.Error(s)
	}
	if n := g.news(LimitHit); len(n) != 1 || n[0].Limit != "limits.metadata_bytes" {
		t.Errorf("news %+v", n)
	}
	if n := g.r.TakeRefusals(); n != (Refusals{Metadata: 1}) || g.r.TakeRefusals() != (Refusals{}) {
		t.Errorf("refusals %+v", n)
	}
	c, e = g.send(wire.CodeCreateStream, vsr.AppendCreateStream(nil, wire.CreateStream{Name: bytes.Repeat([]byte{'n'}, 33)}))
	if s := g.status(c, e); s != wire.StatusInvalidStreamName || g.r.TakeRefusals().NameLength != 1 {
		t.Errorf("a long name: %v", s)
	}
}

// TestACallIsNotUsedTwice: nothing may be to be done with a call that is used again.
func TestACallIsNotUsedTwice(t *testing.T) {
	g := newRig(t, nil)
	h := newHeld()
	h.x.Peer, h.x.Frame = &g.peer, g.frame(wire.CodePing, nil)
	g.r.Dispatch(&h.c)
	defer func() {
		if recover() == nil {
			t.Error("it was")
		}
	}()
	g.r.Clear(&h.c)
}

// BenchmarkSend is what a small send costs in this package: from its frame to the part, and from the answer to the reply.
func BenchmarkSend(b *testing.B) {
	g := newRig(b, nil)
	h := newHeld()
	frame := g.frame(wire.CodeSendMessages, sendBody(b, wire.Partitioning{Kind: wire.ToPartition}))
	b.ReportAllocs()
	for b.Loop() {
		h.x.Peer, h.x.Frame = &g.peer, frame
		g.r.Dispatch(&h.c)
		g.r.Take()
		g.r.Answered(&h.c)
		g.r.Take()
		g.r.Clear(&h.c)
		h.p.Clear()
	}
}
