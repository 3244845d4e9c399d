package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// rightsTable is the protocol's table of who may do what, in words: commands | global flags | flags on the stream's entry |
// flags on the topic's entry. Any one of them will do. A command with "own" in it is the one for oneself. The last two
// lines are Galgo's own commands.
const rightsTable = `
GET_STATS GET_CLIENT GET_CLIENTS GET_SNAPSHOT_FILE              | read_servers manage_servers | |
PING GET_ME DESCRIBE_OPTIONS GET_CLUSTER_METADATA SYNC_CONSUMER_GROUP | anybody | |
GET_PERSONAL_ACCESS_TOKENS CREATE_PERSONAL_ACCESS_TOKEN DELETE_PERSONAL_ACCESS_TOKEN | anybody | |
GET_USER GET_USERS                                              | read_users manage_users | |
GET_OWN_USER CHANGE_OWN_PASSWORD                                | anybody | |
CREATE_USER UPDATE_USER DELETE_USER UPDATE_PERMISSIONS CHANGE_PASSWORD | manage_users | |
GET_STREAMS                                                     | read_streams manage_streams | |
GET_STREAM                                                      | read_streams manage_streams | read_stream manage_stream |
CREATE_STREAM                                                   | manage_streams | |
UPDATE_STREAM DELETE_STREAM PURGE_STREAM                        | manage_streams | manage_stream |
GET_TOPICS                                                      | read_streams manage_streams read_topics manage_topics | manage_stream read_stream manage_topics read_topics |
GET_TOPIC GET_CONSUMER_GROUP GET_CONSUMER_GROUPS                | read_streams manage_streams read_topics manage_topics | manage_stream read_stream manage_topics read_topics | manage_topic read_topic
CREATE_CONSUMER_GROUP DELETE_CONSUMER_GROUP JOIN_CONSUMER_GROUP LEAVE_CONSUMER_GROUP | read_streams manage_streams read_topics manage_topics | manage_stream read_stream manage_topics read_topics | manage_topic read_topic
CREATE_TOPIC                                                    | manage_streams manage_topics | manage_stream manage_topics |
UPDATE_TOPIC DELETE_TOPIC PURGE_TOPIC CREATE_PARTITIONS DELETE_PARTITIONS DELETE_SEGMENTS | manage_streams manage_topics | manage_stream manage_topics | manage_topic
POLL_MESSAGES GET_CONSUMER_OFFSET STORE_CONSUMER_OFFSET DELETE_CONSUMER_OFFSET | poll_messages read_topics manage_topics read_streams manage_streams | poll_messages manage_stream read_stream manage_topics read_topics | manage_topic read_topic poll_messages
SEND_MESSAGES                                                   | send_messages manage_streams manage_topics | send_messages manage_stream manage_topics | manage_topic send_messages
FLUSH_UNSAVED_BUFFER                                            | send_messages manage_streams manage_topics | send_messages manage_stream manage_topics | manage_topic send_messages
SET_DURABILITY                                                  | manage_streams manage_topics | manage_stream manage_topics | manage_topic
`

// galgosOwn are the commands that have no action of their own, and whose they have.
var galgosOwn = map[string]metadata.Action{"FLUSH_UNSAVED_BUFFER": metadata.ActionSendMessages, "SET_DURABILITY": metadata.ActionUpdateTopic}

// The flags in the order of the protocol's permission record.
var (
	globalFlags = strings.Fields("manage_servers read_servers manage_users read_users manage_streams read_streams manage_topics read_topics poll_messages send_messages")
	streamFlags = strings.Fields("manage_stream read_stream manage_topics read_topics poll_messages send_messages")
	topicFlags  = strings.Fields("manage_topic read_topic poll_messages send_messages")
)

// The streams and topics of the tests: what commands are about is "right" in "right". Each topic has one partition.
const wrongID, rightID = 0, 1

// right is one flag and the entry it stands on; -1: no entry.
type right struct {
	flag          string
	stream, topic int
}

func (r right) String() string {
	switch {
	case r.stream < 0:
		return "global " + r.flag
	case r.topic < 0:
		return fmt.Sprintf("%s of stream %d", r.flag, r.stream)
	}
	return fmt.Sprintf("%s of topic %d in stream %d", r.flag, r.topic, r.stream)
}

// singleRights are all flags one by one: global, of the right stream and a wrong one, of the right topic, of a wrong one
// beside it, and of the topic with the right number in the wrong stream.
func singleRights() (all []right) {
	for _, f := range globalFlags {
		all = append(all, right{f, -1, -1})
	}
	for _, stream := range []int{rightID, wrongID} {
		for _, f := range streamFlags {
			all = append(all, right{f, stream, -1})
		}
	}
	for _, at := range [][2]int{{rightID, rightID}, {rightID, wrongID}, {wrongID, rightID}} {
		for _, f := range topicFlags {
			all = append(all, right{f, at[0], at[1]})
		}
	}
	return all
}

// permissions is the protocol's record of some rights; nil for none.
func permissions(rights []right) *wire.Permissions {
	if rights == nil {
		return nil
	}
	p := &wire.Permissions{}
	streams, topics := map[int]uint8{}, map[[2]int]uint8{}
	for _, r := range rights {
		switch {
		case r.stream < 0:
			p.Global |= 1 << slices.Index(globalFlags, r.flag)
		case r.topic < 0:
			streams[r.stream] |= 1 << slices.Index(streamFlags, r.flag)
		default:
			streams[r.stream] |= 0
			topics[[2]int{r.stream, r.topic}] |= 1 << slices.Index(topicFlags, r.flag)
		}
	}
	for _, stream := range slices.Sorted(maps.Keys(streams)) {
		entry := wire.StreamPermissions{ID: uint32(stream), Rights: streams[stream]}
		for _, topic := range []int{wrongID, rightID} {
			if rights, has := topics[[2]int{stream, topic}]; has {
				entry.Topics = append(entry.Topics, wire.TopicPermissions{ID: uint32(topic), Rights: rights})
			}
		}
		p.Streams = append(p.Streams, entry)
	}
	return p
}

// tableRow is the line of the table that a command stands in.
func tableRow(t *testing.T, command string) (global, stream, topic []string) {
	t.Helper()
	for line := range strings.Lines(rightsTable) {
		cells := strings.Split(line, "|")
		if len(cells) == 4 && slices.Contains(strings.Fields(cells[0]), command) {
			return strings.Fields(cells[1]), strings.Fields(cells[2]), strings.Fields(cells[3])
		}
	}
	t.Fatalf("%s stands in no line of the table", command)
	return nil, nil, nil
}

// tableSays is what the table says of a command and a user with some rights.
func tableSays(t *testing.T, command string, rights []right) bool {
	global, stream, topic := tableRow(t, command)
	return slices.Contains(global, "anybody") || slices.ContainsFunc(rights, func(r right) bool {
		return r.stream < 0 && slices.Contains(global, r.flag) ||
			r.stream == rightID && r.topic < 0 && slices.Contains(stream, r.flag) ||
			r.stream == rightID && r.topic == rightID && slices.Contains(topic, r.flag)
	})
}

// ruleSays is what the rule of the command's action says of the same user.
func ruleSays(t *testing.T, command string, rights []right) bool {
	t.Helper()
	action, own := galgosOwn[command]
	for _, a := range metadata.Actions() {
		if !own && strings.ToUpper(a.String()) == command {
			action = a
		}
	}
	if action == 0 {
		t.Fatalf("%s is no action", command)
	}
	u := &metadata.User{ID: 1}
	if w := permissions(rights); w != nil {
		u.Permissions = &metadata.Permissions{Global: metadata.GlobalRights(w.Global)}
		for _, s := range w.Streams {
			entry := metadata.StreamPermissions{Stream: metadata.StreamID(s.ID), Rights: metadata.StreamRights(s.Rights)}
			for _, x := range s.Topics {
				entry.Topics = append(entry.Topics, metadata.TopicPermissions{Topic: metadata.TopicID(x.ID), Rights: metadata.TopicRights(x.Rights)})
			}
			u.Permissions.Streams = append(u.Permissions.Streams, entry)
		}
	}
	return u.May(action, rightID, rightID)
}

// caller is a client that sends commands as bytes. It has a session.
type caller struct {
	net.Conn
	t       testing.TB
	id      [16]byte
	session uint64
	number  uint64
}

func (s *server) caller(name, password string) *caller {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &caller{Conn: conn, t: s.t, number: 1}
	_, _ = rand.Read(c.id[:])
	s.t.Cleanup(func() { c.Close() })
	body := vsr.AppendLogin(nil, wire.Login{Username: []byte(name), Password: []byte(password), Protocol: vsr.Protocol,
		SDKName: []byte("test"), SDKVersion: []byte("1")})
	reply, err := vsr.DecodeLoginReply(c.exchange(wire.CodeLogin, body).Body)
	if err != nil {
		s.t.Fatalf("login of %s: %v", name, err)
	}
	c.session = reply.Session
	return c
}

// call sends a command and returns what was answered: a status, and the payload of success.
func (c *caller) call(code wire.Code, body []byte) (wire.Status, []byte) {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	payload, err := vsr.DecodeReply(c.exchange(code, body))
	var status wire.Status
	if err != nil && !errors.As(err, &status) {
		c.t.Fatalf("command %d: %v", code, err)
	}
	return status, payload
}

// exchange sends one frame, again as long as the server asks for it, and receives one.
func (c *caller) exchange(code wire.Code, body []byte) vsr.Frame {
	c.t.Helper()
	h := vsr.RequestHeader{Client: c.id, Session: c.session, Request: c.number, Code: code}
	switch op := vsr.OperationOf(code); op {
	case vsr.Register:
		h.Session, h.Request = 0, 0
	case vsr.NonReplicated:
	default:
		c.number++
	}
	frame := make([]byte, vsr.HeaderSize)
	vsr.PutRequest(frame, h, body, nil)
	frame = append(frame, body...)
	for {
		if _, err := c.Write(frame); err != nil {
			c.t.Fatal(err)
		}
		head := make([]byte, vsr.HeaderSize)
		if _, err := io.ReadFull(c, head); err != nil {
			c.t.Fatalf("no answer to command %d: %v", code, err)
		}
		header, size, err := vsr.DecodeHeader(head, vsr.FrameMax)
		if err != nil {
			c.t.Fatal(err)
		}
		f := vsr.Frame{Header: header, Body: make([]byte, size-vsr.HeaderSize)}
		if _, err := io.ReadFull(c, f.Body); err != nil {
			c.t.Fatal(err)
		}
		if s := f.Status(); f.Command() != vsr.CommandReply || s != wire.StatusTransientNotAccepted && s != wire.StatusTransientNotCommitted {
			return f
		}
	}
}

// order is a command that succeeds and harms nobody, or fails for another reason than rights: with one of the statuses.
type order struct {
	code     wire.Code
	body     []byte
	statuses []wire.Status // empty: success
	undo     func()        // puts back what a success took away
}

const (
	someone  = "someone"
	password = "secret-of-someone"
)

// ground is the broker's contents for the tests of rights.
type ground struct {
	t    *testing.T
	s    *server
	root *client.Client
	user uint32 // id of someone
}

func newGround(t *testing.T, args ...string) *ground {
	t.Helper()
	s := start(t, options{args: append([]string{"--shards", "2"}, args...)})
	p := &ground{t: t, s: s, root: s.dial()}
	p.stream("wrong")
	p.stream("right")
	u, err := p.root.CreateUser(t.Context(), someone, password, nil)
	p.must(err)
	p.user = u.ID
	return p
}

func (p *ground) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// stream makes a stream with its topics. It gets the lowest free id, as they do: that of one that was deleted.
func (p *ground) stream(name string) {
	p.t.Helper()
	_, err := p.root.CreateStream(p.t.Context(), name)
	p.must(err)
	p.topic(name, "wrong")
	p.topic(name, "right")
}

func (p *ground) topic(stream, name string) {
	p.t.Helper()
	_, err := p.root.CreateTopic(p.t.Context(), wire.Named(stream), name, 1)
	p.must(err)
	p.group(stream, name)
}

func (p *ground) group(stream, topic string) {
	p.t.Helper()
	_, err := p.root.CreateGroup(p.t.Context(), wire.Named(stream), wire.Named(topic), "group")
	p.must(err)
}

// grant gives someone these rights and no others.
func (p *ground) grant(rights []right) {
	p.t.Helper()
	p.must(p.root.UpdatePermissions(p.t.Context(), wire.Numbered(p.user), permissions(rights)))
}

func oneMessage(t testing.TB) batch.Batch {
	var b batch.Builder
	b.Reset(1)
	if err := b.Add([16]byte{}, []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// orders are all commands, by name, on the right topic of the right stream.
func (p *ground) orders() map[string]order {
	me, err := p.root.Me(p.t.Context())
	p.must(err)
	st, tp, nobody, group, consumer := wire.Named("right"), wire.Numbered(rightID), wire.Named("nobody"), wire.Named("group"), wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}
	one := oneMessage(p.t)
	is := func(s ...wire.Status) []wire.Status { return s }
	return map[string]order{
		"PING":                 {code: wire.CodePing},
		"GET_STATS":            {code: wire.CodeGetStats},
		"GET_SNAPSHOT_FILE":    {code: wire.CodeGetSnapshotFile, body: vsr.AppendGetSnapshotFile(nil, wire.GetSnapshotFile{Compression: wire.SnapshotStored, Types: []wire.SnapshotType{wire.SnapshotTest}})},
		"GET_CLUSTER_METADATA": {code: wire.CodeGetClusterMetadata},
		"DESCRIBE_OPTIONS":     {code: wire.CodeDescribeOptions, body: vsr.AppendDescribeOptions(nil, wire.DescribeOptions{Scope: wire.ScopeTopic})},
		"GET_ME":               {code: wire.CodeGetMe},
		"GET_CLIENT":           {code: wire.CodeGetClient, body: vsr.AppendGetClient(nil, wire.GetClient{ID: me.ID})},
		"GET_CLIENTS":          {code: wire.CodeGetClients},

		"GET_USER":           {code: wire.CodeGetUser, body: vsr.AppendGetUser(nil, wire.GetUser{User: wire.Numbered(0)})},
		"GET_OWN_USER":       {code: wire.CodeGetUser, body: vsr.AppendGetUser(nil, wire.GetUser{User: wire.Named(someone)})},
		"GET_USERS":          {code: wire.CodeGetUsers},
		"CREATE_USER":        {code: wire.CodeCreateUser, body: vsr.AppendCreateUser(nil, wire.CreateUser{Username: []byte("x"), Password: []byte(password), Status: wire.UserActive}), statuses: is(wire.StatusInvalidUsername)},
		"DELETE_USER":        {code: wire.CodeDeleteUser, body: vsr.AppendDeleteUser(nil, wire.DeleteUser{User: nobody}), statuses: is(wire.StatusResourceNotFound)},
		"UPDATE_USER":        {code: wire.CodeUpdateUser, body: vsr.AppendUpdateUser(nil, wire.UpdateUser{User: nobody}), statuses: is(wire.StatusResourceNotFound)},
		"UPDATE_PERMISSIONS": {code: wire.CodeUpdatePermissions, body: vsr.AppendUpdatePermissions(nil, wire.UpdatePermissions{User: nobody}), statuses: is(wire.StatusResourceNotFound)},
		"CHANGE_PASSWORD": {code: wire.CodeChangePassword, body: vsr.AppendChangePassword(nil, wire.ChangePassword{User: wire.Numbered(0), Current: []byte("iggy"), New: []byte("x")}),
			statuses: is(wire.StatusInvalidPassword)},
		"CHANGE_OWN_PASSWORD": {code: wire.CodeChangePassword, body: vsr.AppendChangePassword(nil, wire.ChangePassword{User: wire.Numbered(p.user), Current: []byte(password), New: []byte("x")}),
			statuses: is(wire.StatusInvalidPassword)},
		"GET_PERSONAL_ACCESS_TOKENS": {code: wire.CodeGetTokens},
		"CREATE_PERSONAL_ACCESS_TOKEN": {code: wire.CodeCreateToken, body: vsr.AppendCreateToken(nil, wire.CreateToken{Name: []byte("token")}),
			statuses: is(0, wire.StatusPersonalAccessTokenAlreadyExists)},
		"DELETE_PERSONAL_ACCESS_TOKEN": {code: wire.CodeDeleteToken, body: vsr.AppendDeleteToken(nil, wire.DeleteToken{Name: []byte("none")}), statuses: is(wire.StatusResourceNotFound)},

		"POLL_MESSAGES": {code: wire.CodePollMessages, body: vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: consumer, Stream: st, Topic: tp, Partition: wire.InPartition(0),
			Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 1})},
		"SEND_MESSAGES": {code: wire.CodeSendMessages, body: append(vsr.AppendSendMessages(nil, wire.SendMessages{Stream: st, Topic: tp,
			Partitioning: wire.Partitioning{Kind: wire.ToPartition}, Count: 1}), one...)},
		"FLUSH_UNSAVED_BUFFER": {code: wire.CodeFlushUnsavedBuffer, body: vsr.AppendFlushUnsavedBuffer(nil, wire.FlushUnsavedBuffer{Stream: st, Topic: tp})},
		"GET_CONSUMER_OFFSET":  {code: wire.CodeGetConsumerOffset, body: vsr.AppendGetConsumerOffset(nil, wire.GetConsumerOffset{Consumer: consumer, Stream: st, Topic: tp, Partition: wire.InPartition(0)})},
		"STORE_CONSUMER_OFFSET": {code: wire.CodeStoreConsumerOffset, body: vsr.AppendStoreConsumerOffset(nil, wire.StoreConsumerOffset{Consumer: consumer, Stream: st, Topic: tp,
			Partition: wire.InPartition(0), Ack: wire.AckQuorum}), statuses: is(0, wire.StatusInvalidOffset)},
		"DELETE_CONSUMER_OFFSET": {code: wire.CodeDeleteConsumerOffset, body: vsr.AppendDeleteConsumerOffset(nil, wire.DeleteConsumerOffset{Consumer: consumer, Stream: st, Topic: tp,
			Partition: wire.InPartition(0), Ack: wire.AckQuorum}), statuses: is(0, wire.StatusConsumerOffsetNotFound)},

		"GET_STREAM":    {code: wire.CodeGetStream, body: vsr.AppendGetStream(nil, wire.GetStream{Stream: st})},
		"GET_STREAMS":   {code: wire.CodeGetStreams},
		"CREATE_STREAM": {code: wire.CodeCreateStream, body: vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("right")}), statuses: is(wire.StatusStreamNameAlreadyExists)},
		"UPDATE_STREAM": {code: wire.CodeUpdateStream, body: vsr.AppendUpdateStream(nil, wire.UpdateStream{Stream: st, Name: []byte("right")})},
		"PURGE_STREAM":  {code: wire.CodePurgeStream, body: vsr.AppendPurgeStream(nil, wire.PurgeStream{Stream: st})},
		"DELETE_STREAM": {code: wire.CodeDeleteStream, body: vsr.AppendDeleteStream(nil, wire.DeleteStream{Stream: st}), undo: func() { p.stream("right") }},

		"GET_TOPIC":         {code: wire.CodeGetTopic, body: vsr.AppendGetTopic(nil, wire.GetTopic{Stream: st, Topic: tp})},
		"GET_TOPICS":        {code: wire.CodeGetTopics, body: vsr.AppendGetTopics(nil, wire.GetTopics{Stream: st})},
		"CREATE_TOPIC":      {code: wire.CodeCreateTopic, body: vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: st, PartitionsCount: 1, Name: []byte("right")}), statuses: is(wire.StatusTopicNameAlreadyExists)},
		"UPDATE_TOPIC":      {code: wire.CodeUpdateTopic, body: vsr.AppendUpdateTopic(nil, wire.UpdateTopic{Stream: st, Topic: tp, Name: []byte("right")})},
		"PURGE_TOPIC":       {code: wire.CodePurgeTopic, body: vsr.AppendPurgeTopic(nil, wire.PurgeTopic{Stream: st, Topic: tp})},
		"DELETE_TOPIC":      {code: wire.CodeDeleteTopic, body: vsr.AppendDeleteTopic(nil, wire.DeleteTopic{Stream: st, Topic: tp}), undo: func() { p.topic("right", "right") }},
		"CREATE_PARTITIONS": {code: wire.CodeCreatePartitions, body: vsr.AppendCreatePartitions(nil, wire.CreatePartitions{Stream: st, Topic: tp}), statuses: is(wire.StatusTooManyPartitions)},
		"DELETE_PARTITIONS": {code: wire.CodeDeletePartitions, body: vsr.AppendDeletePartitions(nil, wire.DeletePartitions{Stream: st, Topic: tp}), statuses: is(wire.StatusTooManyPartitions)},
		"DELETE_SEGMENTS":   {code: wire.CodeDeleteSegments, body: vsr.AppendDeleteSegments(nil, wire.DeleteSegments{Stream: st, Topic: tp})},
		"SET_DURABILITY":    {code: wire.CodeSetDurability, body: vsr.AppendSetDurability(nil, wire.SetDurability{Stream: st, Topic: tp, Messages: wire.DurabilityReplicated})},

		"GET_CONSUMER_GROUP":    {code: wire.CodeGetConsumerGroup, body: vsr.AppendGetConsumerGroup(nil, wire.GetConsumerGroup{Stream: st, Topic: tp, Group: group})},
		"GET_CONSUMER_GROUPS":   {code: wire.CodeGetConsumerGroups, body: vsr.AppendGetConsumerGroups(nil, wire.GetConsumerGroups{Stream: st, Topic: tp})},
		"CREATE_CONSUMER_GROUP": {code: wire.CodeCreateConsumerGroup, body: vsr.AppendCreateConsumerGroup(nil, wire.CreateConsumerGroup{Stream: st, Topic: tp, Name: []byte("group")}), statuses: is(wire.StatusConsumerGroupNameAlreadyExists)},
		"DELETE_CONSUMER_GROUP": {code: wire.CodeDeleteConsumerGroup, body: vsr.AppendDeleteConsumerGroup(nil, wire.DeleteConsumerGroup{Stream: st, Topic: tp, Group: group}), undo: func() { p.group("right", "right") }},
		"JOIN_CONSUMER_GROUP":   {code: wire.CodeJoinConsumerGroup, body: vsr.AppendJoinConsumerGroup(nil, wire.JoinConsumerGroup{Stream: st, Topic: tp, Group: group})},
		"LEAVE_CONSUMER_GROUP": {code: wire.CodeLeaveConsumerGroup, body: vsr.AppendLeaveConsumerGroup(nil, wire.LeaveConsumerGroup{Stream: st, Topic: tp, Group: group}),
			statuses: is(0, wire.StatusConsumerGroupMemberNotFound)},
		"SYNC_CONSUMER_GROUP": {code: wire.CodeSyncConsumerGroup, body: vsr.AppendSyncConsumerGroup(nil, wire.SyncConsumerGroup{Stream: st, Topic: tp, Group: group})},
	}
}

// needLogin are the codes of the protocol's table of commands that need a session and mean something outside clusters.
var needLogin = []wire.Code{10, 11, 12, 13, 20, 21, 22, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 100, 101, 102, 120, 121, 122,
	200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 304, 305, 402, 403, 503, 600, 601, 602, 603, 604, 605, 606}

// TestRightsTableIsWhole: table, actions and the protocol's list of commands are the same.
func TestRightsTableIsWhole(t *testing.T) {
	p := newGround(t)
	orders := p.orders()
	var inTable, actions, sent []string
	for line := range strings.Lines(rightsTable) {
		commands, _, _ := strings.Cut(line, "|")
		inTable = append(inTable, strings.Fields(commands)...)
	}
	for _, a := range metadata.Actions() {
		actions = append(actions, strings.ToUpper(a.String()))
	}
	codes := map[wire.Code]bool{}
	for name, o := range orders {
		sent = append(sent, name)
		codes[o.code] = true
	}
	actions = append(actions, slices.Sorted(maps.Keys(galgosOwn))...)
	slices.Sort(inTable)
	slices.Sort(actions)
	slices.Sort(sent)
	if !slices.Equal(inTable, actions) || !slices.Equal(inTable, sent) {
		t.Fatalf("the table has\n%v\nactions are\n%v\ncommands are\n%v", inTable, actions, sent)
	}
	for _, code := range needLogin {
		if !codes[code] {
			t.Errorf("command %d is not tried", code)
		}
	}
}

// TestRightsMatrix tries every command with every single flag, and with all flags but those that allow it, on live connections
// of one user to two shards. The table, the broker's rules and its answers have to agree.
func TestRightsMatrix(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		p := newGround(t, args...)
		callers := []*caller{p.s.caller(someone, password), p.s.caller(someone, password)}
		orders := p.orders()
		names := slices.Sorted(maps.Keys(orders))
		judged, allowed := 0, 0
		try := func(i int, name string, rights []right) {
			t.Helper()
			want := tableSays(t, name, rights)
			if got := ruleSays(t, name, rights); got != want {
				t.Errorf("%s with %v: the rule says %v, the table %v", name, rights, got, want)
			}
			o := orders[name]
			status, _ := callers[i%2].call(o.code, o.body)
			switch {
			case (status != wire.StatusUnauthorized) != want:
				t.Errorf("%s with %v: answered %d, to be allowed is %v", name, rights, status, want)
			case want && !slices.Contains(o.statuses, status) && !(status == 0 && o.statuses == nil):
				t.Errorf("%s with %v: answered %d, want one of %v", name, rights, status, o.statuses)
			}
			judged++
			if status != wire.StatusUnauthorized {
				allowed++
			}
			if status == 0 && o.undo != nil {
				o.undo()
				p.grant(rights) // those in what was deleted went with it
			}
		}
		cases := [][]right{nil, {}}
		for _, r := range singleRights() {
			cases = append(cases, []right{r})
		}
		for i, rights := range cases {
			p.grant(rights)
			for k, name := range names {
				try(i+k, name, rights)
			}
		}
		if judged != len(names)*len(cases) {
			t.Errorf("%d judged of %d", judged, len(names)*len(cases))
		}
		t.Logf("%d commands x %d single flags, no record and an empty one: %d of %d judged, %d allowed, %d denied",
			len(names), len(cases)-2, judged, len(names)*len(cases), allowed, judged-allowed)

		judged, allowed = 0, 0
		for k, name := range names {
			var others []right
			for _, r := range singleRights() {
				if !tableSays(t, name, []right{r}) {
					others = append(others, r)
				}
			}
			p.grant(others)
			try(k, name, others)
		}
		t.Logf("all flags but those that allow: %d commands, %d allowed to anybody, %d denied", judged, allowed, judged-allowed)
	})
}
