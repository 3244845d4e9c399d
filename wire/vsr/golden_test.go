package vsr

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/wire"
)

// golden reads an annotated hex file of testdata. A line is hex in wire order, two spaces, its meaning; `00 x 204`
// repeats a byte; lines that begin with # and empty ones say nothing.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".hex")
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  ")
		if line == "" || line[0] == '#' {
			continue
		}
		digits, times, repeated := strings.Cut(line, " x ")
		n := 1
		if repeated {
			if n, err = strconv.Atoi(times); err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
		}
		out = append(out, bytes.Repeat(unhex(t, digits), n)...)
	}
	return out
}

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatalf("%q: %v", digits, err)
	}
	return b
}

// same says that p decodes to want and want encodes to p.
func same[T any](t *testing.T, p []byte, want T, decode func([]byte) (T, error), encode func([]byte, T) []byte) {
	t.Helper()
	got, err := decode(p)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded\n%+v (%v)\nwant\n%+v", got, err, want)
	}
	if back := encode([]byte("before"), want); !bytes.Equal(back, append([]byte("before"), p...)) {
		t.Errorf("encoded\n%x\nwant\n%x", back, p)
	}
}

var (
	orders  = wire.Named("orders")
	events  = wire.Named("events")
	workers = wire.Named("workers")
	c1      = wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Named("c1")}
)

func TestLogin(t *testing.T) {
	login := wire.Login{Protocol: Protocol, SDKName: []byte("rust-sdk"), SDKVersion: []byte("0.11.0"),
		Username: []byte("iggy"), Password: []byte("iggy")}
	same(t, golden(t, "login.request"), login, DecodeLogin, AppendLogin)
	login.Password = []byte("wrong")
	same(t, golden(t, "login_wrong_password.request"), login, DecodeLogin, AppendLogin)
	login = wire.Login{Protocol: Protocol, SDKName: []byte("rust-sdk"), SDKVersion: []byte("0.11.0"),
		ByToken: true, Token: []byte("tok")}
	same(t, golden(t, "login_token.request"), login, DecodeLogin, AppendLogin)
	same(t, golden(t, "login.reply"), wire.LoginReply{Session: 17, Protocol: Protocol, ServerVersion: "0.9.0"},
		DecodeLoginReply, AppendLoginReply)
}

func TestClusterMetadata(t *testing.T) {
	same(t, golden(t, "get_cluster_metadata.reply"), wire.ClusterMetadata{Name: "single-node", Nodes: []wire.Node{
		{Name: "iggy-node", IP: "127.0.0.1", TCPPort: 8090, QUICPort: 8080, HTTPPort: 3000, WebSocketPort: 8092},
	}}, DecodeGetClusterMetadataReply, AppendGetClusterMetadataReply)
}

func TestStreams(t *testing.T) {
	same(t, golden(t, "create_stream.request"), wire.CreateStream{Name: []byte("orders")}, DecodeCreateStream, AppendCreateStream)
	same(t, golden(t, "create_stream.reply"), wire.Stream{CreatedAtMicros: 1795418362990157, Name: "orders"},
		DecodeCreateStreamReply, AppendCreateStreamReply)
}

func TestTopics(t *testing.T) {
	same(t, golden(t, "create_topic.request"), wire.CreateTopic{Stream: orders, PartitionsCount: 2, Name: []byte("events"),
		Options: []wire.Option{wire.TextOption("consumer_offset_durability", "replicated"), wire.TextOption("durability", "replicated"),
			wire.Uint64Option("message_expiry", wire.NeverExpires)},
	}, DecodeCreateTopic, AppendCreateTopic)
	same(t, golden(t, "create_topic.reply"), wire.TopicDetails{
		Topic: wire.Topic{CreatedAtMicros: 1795418362990619, PartitionsCount: 2, MessageExpiryMicros: wire.NeverExpires,
			Compression: wire.CompressionNone, MaxSizeBytes: wire.Unlimited, Name: "events",
			Explicit: []wire.Option{wire.Uint64Option("message_expiry", wire.NeverExpires), wire.TextOption("durability", "replicated"),
				wire.TextOption("consumer_offset_durability", "replicated")},
			Derived: []wire.Option{wire.TextOption("compression_algorithm", "none"), wire.Uint64Option("max_topic_size", wire.Unlimited),
				wire.Uint64Option("segment_size", 1<<30),
				{Key: []byte("messages_required_to_save"), Kind: wire.KindUint32, Value: []byte{0, 4, 0, 0}},
				wire.Uint64Option("size_of_messages_required_to_save", 1<<20),
				wire.BoolOption("preallocate_segments", false)}},
		Partitions: []wire.Partition{
			{ID: 0, CreatedAtMicros: 1795418362990620, SegmentsCount: 1},
			{ID: 1, CreatedAtMicros: 1795418362990631, SegmentsCount: 1},
		},
	}, DecodeCreateTopicReply, AppendCreateTopicReply)
}

func TestSendMessages(t *testing.T) {
	body := golden(t, "send_messages.request")
	send, err := DecodeSendMessages(body)
	if err != nil {
		t.Fatal(err)
	}
	want := wire.SendMessages{Stream: orders, Topic: events, Count: 2, Batch: body[30:],
		Partitioning: wire.Partitioning{Kind: wire.ToPartition, Partition: 1}}
	if !reflect.DeepEqual(send, want) {
		t.Errorf("decoded %+v", send)
	}
	if back := append(AppendSendMessages(nil, want), want.Batch...); !bytes.Equal(back, body) {
		t.Errorf("encoded %x", back)
	}
	if b, err := batch.Admit(send.Batch, batch.DefaultLimits()); err != nil || b.Count() != int(send.Count) {
		t.Errorf("the batch: %v", err)
	}
	placement, told := DecodeSendMessagesReply(golden(t, "send_messages.reply"))
	if !told || placement != (wire.Placement{PartitionID: 1}) {
		t.Errorf("placement %+v, told %v", placement, told)
	}
	if got := AppendSendMessagesReply(nil, wire.Placement{PartitionID: 2, BaseOffset: 10}); !bytes.Equal(got,
		unhex(t, "01000000 00000000 00000000 02000000 0a00000000000000")) {
		t.Errorf("reply %x", got)
	}
}

func TestPollMessages(t *testing.T) {
	poll := wire.PollMessages{Consumer: c1, Stream: orders, Topic: events, Partition: wire.InPartition(1),
		Strategy: wire.Strategy{Kind: wire.FromOffset}, Count: 10}
	same(t, golden(t, "poll_messages.request"), poll, DecodePollMessages, AppendPollMessages)
	poll.Strategy.Value, poll.AutoCommit = 1, true
	same(t, golden(t, "poll_messages_slice.request"), poll, DecodePollMessages, AppendPollMessages)

	for name, count := range map[string]uint32{"poll_messages.reply": 2, "poll_messages_slice.reply": 1} {
		body := golden(t, name)
		want := wire.Polled{PartitionID: 1, CurrentOffset: 1, Count: count, Batches: body[PolledSize:]}
		polled, err := DecodePollMessagesReply(body)
		if err != nil || !reflect.DeepEqual(polled, want) {
			t.Errorf("%s: %+v, %v", name, polled, err)
		}
		if head := AppendPollMessagesReply(nil, want); !bytes.Equal(head, body[:PolledSize]) {
			t.Errorf("%s: head %x", name, head)
		}
		var h batch.Hasher
		if b, err := h.VerifySlice(polled.Batches); err != nil || b.Count() != int(count) {
			t.Errorf("%s: its batch: %v", name, err)
		}
	}
}

func TestConsumerOffsets(t *testing.T) {
	same(t, golden(t, "store_consumer_offset.request"), wire.StoreConsumerOffset{
		Consumer: wire.Consumer{Kind: wire.GroupConsumer, ID: workers},
		Stream:   orders, Topic: events, Partition: wire.InPartition(1), Offset: 1, Ack: wire.AckQuorum,
	}, DecodeStoreConsumerOffset, AppendStoreConsumerOffset)
	same(t, unhex(t, "01 02026331 02066f7264657273 02066576656e7473 01 02000000 0a00000000000000 01"), wire.StoreConsumerOffset{
		Consumer: c1, Stream: orders, Topic: events, Partition: wire.InPartition(2), Offset: 10, Ack: wire.AckQuorum,
	}, DecodeStoreConsumerOffset, AppendStoreConsumerOffset)
	if got := AppendEmptyReply(nil, StoreConsumerOffset); !bytes.Equal(got, golden(t, "store_consumer_offset.reply")) {
		t.Errorf("reply %x", got)
	}
}

// rights are those of the protocol's example: read servers, read streams and poll messages everywhere; in stream 5
// read stream, poll and send; in its topic 2 read topic and poll.
var rights = &wire.Permissions{Global: 1<<1 | 1<<5 | 1<<8, Streams: []wire.StreamPermissions{
	{ID: 5, Rights: 1<<1 | 1<<4 | 1<<5, Topics: []wire.TopicPermissions{{ID: 2, Rights: 1<<1 | 1<<2}}},
}}

func TestUsers(t *testing.T) {
	ada := wire.UserDetails{User: wire.User{ID: 3, CreatedAtMicros: 1795418362990157, Status: wire.UserInactive, Username: "ada"}}
	same(t, unhex(t, "02 03 616461"), wire.GetUser{User: wire.Named("ada")}, DecodeGetUser, AppendGetUser)
	same(t, golden(t, "get_user_without_rights.reply"), ada, found(DecodeGetUserReply), AppendGetUserReply)
	same(t, golden(t, "get_users.reply"), []wire.User{
		{CreatedAtMicros: 1700000000000000, Status: wire.UserActive, Username: "iggy"}, ada.User,
	}, DecodeGetUsersReply, list(AppendUser))
	ada.Permissions = rights
	same(t, golden(t, "get_user.reply"), ada, found(DecodeGetUserReply), AppendGetUserReply)
	same(t, golden(t, "create_user.reply"), ada, DecodeCreateUserReply, AppendCreateUserReply)

	create := wire.CreateUser{Username: []byte("ada"), Password: []byte("secret"), Status: wire.UserInactive, Permissions: rights}
	same(t, golden(t, "create_user.request"), create, DecodeCreateUser, AppendCreateUser)
	create.Permissions = nil
	same(t, unhex(t, "03 616461 06 736563726574 02 00"), create, DecodeCreateUser, AppendCreateUser)
	create.Options = []wire.Option{wire.TextOption("k", "v")}
	same(t, unhex(t, "03 616461 06 736563726574 02 00 02 01000000 6b 02 01000000 76"), create, DecodeCreateUser, AppendCreateUser)

	same(t, unhex(t, "01 04 03000000"), wire.DeleteUser{User: wire.Numbered(3)}, DecodeDeleteUser, AppendDeleteUser)
	update := wire.UpdateUser{User: wire.Numbered(3)}
	same(t, unhex(t, "01 04 03000000 00 00"), update, DecodeUpdateUser, AppendUpdateUser)
	update.HasStatus, update.Status = true, wire.UserActive
	same(t, unhex(t, "01 04 03000000 00 01 01"), update, DecodeUpdateUser, AppendUpdateUser)
	update.HasUsername, update.Username = true, []byte("eve")
	same(t, unhex(t, "01 04 03000000 01 03 657665 01 01"), update, DecodeUpdateUser, AppendUpdateUser)

	same(t, golden(t, "update_permissions.request"), wire.UpdatePermissions{User: wire.Named("ada"), Permissions: rights},
		DecodeUpdatePermissions, AppendUpdatePermissions)
	same(t, unhex(t, "02 03 616461 00"), wire.UpdatePermissions{User: wire.Named("ada")}, DecodeUpdatePermissions, AppendUpdatePermissions)
	same(t, unhex(t, "02 03 616461 06 736563726574 05 6f74686572"),
		wire.ChangePassword{User: wire.Named("ada"), Current: []byte("secret"), New: []byte("other")}, DecodeChangePassword, AppendChangePassword)
}

func TestTokens(t *testing.T) {
	same(t, unhex(t, "02 6369 00a493d600000000"), wire.CreateToken{Name: []byte("ci"), ExpiryMicros: 3_600_000_000},
		DecodeCreateToken, AppendCreateToken)
	same(t, unhex(t, "02 6369 ffffffffffffffff"), wire.CreateToken{Name: []byte("ci"), ExpiryMicros: wire.NeverExpires},
		DecodeCreateToken, AppendCreateToken)
	same(t, unhex(t, "00000000 03 746f6b"), "tok", DecodeCreateTokenReply, AppendCreateTokenReply)
	same(t, unhex(t, "02 6369"), wire.DeleteToken{Name: []byte("ci")}, DecodeDeleteToken, AppendDeleteToken)
	same(t, unhex(t, "02 6369 0000000000000000 03 746d70 00401e18240a0600"), []wire.Token{
		{Name: "ci"}, {Name: "tmp", ExpiresAtMicros: 1700000000000000},
	}, DecodeGetTokensReply, list(AppendToken))
}

func TestConsumerGroups(t *testing.T) {
	same(t, golden(t, "join_consumer_group.request"), wire.JoinConsumerGroup{Stream: orders, Topic: events, Group: workers},
		DecodeJoinConsumerGroup, AppendJoinConsumerGroup)
	if got := AppendEmptyReply(nil, JoinConsumerGroup); !bytes.Equal(got, golden(t, "join_consumer_group.reply")) {
		t.Errorf("reply %x", got)
	}
	same(t, golden(t, "sync_consumer_group.request"), wire.SyncConsumerGroup{Stream: orders, Topic: events, Group: workers},
		DecodeSyncConsumerGroup, AppendSyncConsumerGroup)
	same(t, golden(t, "sync_consumer_group.reply"), wire.Assignment{Generation: 1, Partitions: []uint32{0, 1}},
		found(DecodeSyncConsumerGroupReply), AppendSyncConsumerGroupReply)
	same(t, unhex(t, "0300000000000000 02000000 00000000 02000000"), wire.Assignment{Generation: 3, Partitions: []uint32{0, 2}},
		found(DecodeSyncConsumerGroupReply), AppendSyncConsumerGroupReply)
	same(t, unhex(t, "0300000000000000 00000000"), wire.Assignment{Generation: 3}, // a member that owns nothing
		found(DecodeSyncConsumerGroupReply), AppendSyncConsumerGroupReply)
	if _, member, err := DecodeSyncConsumerGroupReply(nil); member || err != nil {
		t.Errorf("an empty reply: member %v, %v", member, err)
	}

	const where = "02066f7264657273 02066576656e7473 "
	const group = where + "0207776f726b657273"
	same(t, unhex(t, where+"07 776f726b657273"), wire.CreateConsumerGroup{Stream: orders, Topic: events, Name: []byte("workers")},
		DecodeCreateConsumerGroup, AppendCreateConsumerGroup)
	same(t, unhex(t, "00000000 00000000 03000000 00000000 07 776f726b657273"), wire.ConsumerGroupDetails{
		ConsumerGroup: wire.ConsumerGroup{PartitionsCount: 3, Name: "workers"},
	}, DecodeCreateConsumerGroupReply, AppendCreateConsumerGroupReply)
	same(t, unhex(t, group), wire.DeleteConsumerGroup{Stream: orders, Topic: events, Group: workers}, DecodeDeleteConsumerGroup, AppendDeleteConsumerGroup)
	same(t, unhex(t, group), wire.LeaveConsumerGroup{Stream: orders, Topic: events, Group: workers}, DecodeLeaveConsumerGroup, AppendLeaveConsumerGroup)
	same(t, unhex(t, group), wire.GetConsumerGroup{Stream: orders, Topic: events, Group: workers}, DecodeGetConsumerGroup, AppendGetConsumerGroup)
	same(t, unhex(t, where), wire.GetConsumerGroups{Stream: orders, Topic: events}, DecodeGetConsumerGroups, AppendGetConsumerGroups)
	same(t, golden(t, "get_consumer_group.reply"), wire.ConsumerGroupDetails{
		ConsumerGroup: wire.ConsumerGroup{ID: 4, PartitionsCount: 3, MembersCount: 2, Name: "workers"},
		Members:       []wire.GroupMember{{ID: 0, Partitions: []uint32{0, 2}}, {ID: 1}},
	}, found(DecodeGetConsumerGroupReply), AppendGetConsumerGroupReply)
	same(t, golden(t, "get_consumer_groups.reply"), []wire.ConsumerGroup{
		{ID: 4, PartitionsCount: 3, MembersCount: 2, Name: "workers"}, {ID: 0, PartitionsCount: 3, Name: "audit"},
	}, DecodeGetConsumerGroupsReply, list(AppendConsumerGroup))
}

func TestSystem(t *testing.T) {
	same(t, unhex(t, "02 01 64"), wire.GetSnapshotFile{Compression: wire.SnapshotDeflate, Types: []wire.SnapshotType{wire.SnapshotAll}},
		DecodeGetSnapshotFile, AppendGetSnapshotFile)
	same(t, unhex(t, "04 03 01 04 06"), wire.GetSnapshotFile{Compression: wire.SnapshotZstd, Types: []wire.SnapshotType{
		wire.SnapshotFilesystemOverview, wire.SnapshotTest, wire.SnapshotServerConfig,
	}}, DecodeGetSnapshotFile, AppendGetSnapshotFile)
	same(t, unhex(t, "01 00"), wire.GetSnapshotFile{Compression: wire.SnapshotStored}, DecodeGetSnapshotFile, AppendGetSnapshotFile)

	same(t, unhex(t, "07000000"), wire.GetClient{ID: 7}, DecodeGetClient, AppendGetClient)
	member := wire.ClientDetails{Client: wire.Client{ID: 7, Transport: wire.TransportTCP, Address: "127.0.0.1:4711", GroupsCount: 1},
		Memberships: []wire.Membership{{StreamID: 1, TopicID: 2, GroupID: 3}}}
	const address = "0e000000 3132372e302e302e313a34373131 "
	same(t, unhex(t, "07000000 00000000 01 "+address+"01000000 01000000 02000000 03000000"), member,
		found(DecodeGetClientReply), AppendGetClientReply)
	same(t, unhex(t, "07000000 00000000 01 "+address+"01000000 08000000 ffffffff 04 "+address+"00000000"), []wire.Client{
		member.Client, {ID: 8, UserID: wire.NoUser, Transport: wire.TransportWebSocket, Address: "127.0.0.1:4711"},
	}, DecodeGetClientsReply, list(AppendClient))
}

func TestPrimitives(t *testing.T) {
	f := func(digits string, got []byte) {
		t.Helper()
		if want := unhex(t, digits); !bytes.Equal(got, want) {
			t.Errorf("%x, want %x", got, want)
		}
	}
	f("01 04 07 00 00 00", appendIdentifier(nil, wire.Numbered(7)))
	f("02 06 6f 72 64 65 72 73", appendIdentifier(nil, orders))
	f("01 01 04 01 00 00 00", appendConsumer(nil, wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}))
	f("02 02 07 77 6f 72 6b 65 72 73", appendConsumer(nil, wire.Consumer{Kind: wire.GroupConsumer, ID: workers}))
	f("01 00", appendPartitioning(nil, wire.Partitioning{Kind: wire.Balanced}))
	f("02 04 02 00 00 00", appendPartitioning(nil, wire.Partitioning{Kind: wire.ToPartition, Partition: 2}))
	f("03 03 61 62 63", appendPartitioning(nil, wire.Partitioning{Kind: wire.ByKey, Key: []byte("abc")}))
	f("01 0a 00 00 00 00 00 00 00", appendStrategy(nil, wire.Strategy{Kind: wire.FromOffset, Value: 10}))
	f("05 00 00 00 00 00 00 00 00", appendStrategy(nil, wire.Strategy{Kind: wire.FromNext}))
	const rightsBlock = "00 01 00 00 00 01 00 00 01 00   01   05 00 00 00  00 01 00 00 01 01   01" +
		"02 00 00 00  00 01 01 00   00   00"
	f("01 20000000"+rightsBlock, appendPermissions(nil, rights))
	f("01 20000000"+rightsBlock, appendReplyPermissions(nil, rights))
	f("01 0b000000 00000000000000000000 00", appendPermissions(nil, &wire.Permissions{}))
	f("01 0b000000 01010101010101010101 00", appendReplyPermissions(nil, &wire.Permissions{Global: 1<<10 - 1})) // root
	f("00", appendPermissions(nil, nil))
	f("00 00 00 00", appendReplyPermissions(nil, nil))
	f("00 00 00 00", AppendEmptyReply(nil, DeleteStream))
	f("", AppendEmptyReply(nil, DeleteSegments))
	f("", AppendEmptyReply(nil, NonReplicated))
	f("02 14000000 707265616c6c6f636174655f7365676d656e7473 03 01000000 01"+
		"02 0c000000 7365676d656e745f73697a65 0c 08000000 0000004000000000"+
		"02 0a000000 6475726162696c697479 02 09000000 706572736973746564",
		appendOptions(nil, []wire.Option{wire.BoolOption("preallocate_segments", true),
			wire.Uint64Option("segment_size", 1<<30), wire.TextOption("durability", "persisted")}))
}
