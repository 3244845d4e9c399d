package vsr

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/galgo-mq/galgo/wire"
)

// codec is a body's decoder and encoder with their types taken off.
type codec struct {
	name string
	// random encodes a value of chance and fails unless that decodes to the same value.
	random func(t *testing.T, rng *rand.Rand) []byte
	// decode says whether p decodes, and fails unless what it decodes to survives encoding and decoding.
	decode func(t *testing.T, p []byte) bool
}

func of[T any](name string, decode func([]byte) (T, error), encode func([]byte, T) []byte) codec {
	check := func(t *testing.T, v T) []byte {
		p := encode(nil, v)
		got, err := decode(p)
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Fatalf("%s: %+v\nencodes to %x\ndecodes to %+v, %v", name, v, p, got, err)
		}
		return p
	}
	return codec{name: name,
		random: func(t *testing.T, rng *rand.Rand) []byte {
			var v T
			fill(rng, reflect.ValueOf(&v).Elem())
			return check(t, v)
		},
		decode: func(t *testing.T, p []byte) bool {
			v, err := decode(p)
			if err == nil && !hasNaN(reflect.ValueOf(v)) {
				check(t, v)
			}
			return err == nil
		},
	}
}

// found takes the "found" off a decoder, for bodies that are not empty.
func found[T any](decode func([]byte) (T, bool, error)) func([]byte) (T, error) {
	return func(p []byte) (T, error) {
		v, ok, err := decode(p)
		if !ok && err == nil {
			err = wire.StatusResourceNotFound
		}
		return v, err
	}
}

// list is the encoder of a reply that is nothing but its records.
func list[T any](encode func([]byte, T) []byte) func([]byte, []T) []byte {
	return func(dst []byte, all []T) []byte {
		for _, v := range all {
			dst = encode(dst, v)
		}
		return dst
	}
}

var codecs = []codec{
	of("LOGIN_REGISTER", DecodeLogin, AppendLogin),
	of("LOGIN_REGISTER reply", DecodeLoginReply, AppendLoginReply),
	of("GET_CLUSTER_METADATA reply", DecodeGetClusterMetadataReply, AppendGetClusterMetadataReply),
	of("GET_STATS reply", DecodeGetStatsReply, func(dst []byte, s wire.Stats) []byte { return AppendGetStatsReply(dst, &s) }),
	of("SET_DURABILITY", DecodeSetDurability, AppendSetDurability),
	of("DESCRIBE_OPTIONS", DecodeDescribeOptions, AppendDescribeOptions),
	of("DESCRIBE_OPTIONS reply", DecodeDescribeOptionsReply, AppendDescribeOptionsReply),
	of("GET_CLIENTS reply", DecodeGetClientsReply, list(AppendClient)),
	of("GET_CLIENT", DecodeGetClient, AppendGetClient),
	of("GET_CLIENT reply", found(DecodeGetClientReply), AppendGetClientReply),
	of("GET_STREAM", DecodeGetStream, AppendGetStream),
	of("GET_STREAM reply", found(DecodeGetStreamReply), AppendGetStreamReply),
	of("GET_STREAMS reply", DecodeGetStreamsReply, list(AppendStream)),
	of("CREATE_STREAM", DecodeCreateStream, AppendCreateStream),
	of("CREATE_STREAM reply", DecodeCreateStreamReply, AppendCreateStreamReply),
	of("UPDATE_STREAM", DecodeUpdateStream, AppendUpdateStream),
	of("DELETE_STREAM", DecodeDeleteStream, AppendDeleteStream),
	of("PURGE_STREAM", DecodePurgeStream, AppendPurgeStream),
	of("GET_TOPIC", DecodeGetTopic, AppendGetTopic),
	of("GET_TOPIC reply", found(DecodeGetTopicReply), AppendGetTopicReply),
	of("GET_TOPICS", DecodeGetTopics, AppendGetTopics),
	of("GET_TOPICS reply", DecodeGetTopicsReply, func(dst []byte, all []wire.Topic) []byte {
		return list(AppendTopic)(AppendTopicsCount(dst, len(all)), all)
	}),
	of("CREATE_TOPIC", DecodeCreateTopic, AppendCreateTopic),
	of("CREATE_TOPIC reply", DecodeCreateTopicReply, AppendCreateTopicReply),
	of("UPDATE_TOPIC", DecodeUpdateTopic, AppendUpdateTopic),
	of("DELETE_TOPIC", DecodeDeleteTopic, AppendDeleteTopic),
	of("PURGE_TOPIC", DecodePurgeTopic, AppendPurgeTopic),
	of("CREATE_PARTITIONS", DecodeCreatePartitions, AppendCreatePartitions),
	of("DELETE_PARTITIONS", DecodeDeletePartitions, AppendDeletePartitions),
	of("DELETE_SEGMENTS", DecodeDeleteSegments, AppendDeleteSegments),
	of("SEND_MESSAGES", DecodeSendMessages, func(dst []byte, s wire.SendMessages) []byte {
		return append(AppendSendMessages(dst, s), s.Batch...)
	}),
	of("POLL_MESSAGES", DecodePollMessages, AppendPollMessages),
	of("POLL_MESSAGES reply", DecodePollMessagesReply, func(dst []byte, p wire.Polled) []byte {
		return append(AppendPollMessagesReply(dst, p), p.Batches...)
	}),
	of("FLUSH_UNSAVED_BUFFER", DecodeFlushUnsavedBuffer, AppendFlushUnsavedBuffer),
	of("GET_CONSUMER_OFFSET", DecodeGetConsumerOffset, AppendGetConsumerOffset),
	of("GET_CONSUMER_OFFSET reply", found(DecodeGetConsumerOffsetReply), AppendGetConsumerOffsetReply),
	of("STORE_CONSUMER_OFFSET", DecodeStoreConsumerOffset, AppendStoreConsumerOffset),
	of("DELETE_CONSUMER_OFFSET", DecodeDeleteConsumerOffset, AppendDeleteConsumerOffset),
	of("GET_SNAPSHOT_FILE", DecodeGetSnapshotFile, AppendGetSnapshotFile),
	of("GET_USER", DecodeGetUser, AppendGetUser),
	of("GET_USER reply", found(DecodeGetUserReply), AppendGetUserReply),
	of("GET_USERS reply", DecodeGetUsersReply, list(AppendUser)),
	of("CREATE_USER", DecodeCreateUser, AppendCreateUser),
	of("CREATE_USER reply", DecodeCreateUserReply, AppendCreateUserReply),
	of("DELETE_USER", DecodeDeleteUser, AppendDeleteUser),
	of("UPDATE_USER", DecodeUpdateUser, AppendUpdateUser),
	of("UPDATE_PERMISSIONS", DecodeUpdatePermissions, AppendUpdatePermissions),
	of("CHANGE_PASSWORD", DecodeChangePassword, AppendChangePassword),
	of("GET_PERSONAL_ACCESS_TOKENS reply", DecodeGetTokensReply, list(AppendToken)),
	of("CREATE_PERSONAL_ACCESS_TOKEN", DecodeCreateToken, AppendCreateToken),
	of("CREATE_PERSONAL_ACCESS_TOKEN reply", DecodeCreateTokenReply, AppendCreateTokenReply),
	of("DELETE_PERSONAL_ACCESS_TOKEN", DecodeDeleteToken, AppendDeleteToken),
	of("GET_CONSUMER_GROUP", DecodeGetConsumerGroup, AppendGetConsumerGroup),
	of("GET_CONSUMER_GROUP reply", found(DecodeGetConsumerGroupReply), AppendGetConsumerGroupReply),
	of("GET_CONSUMER_GROUPS", DecodeGetConsumerGroups, AppendGetConsumerGroups),
	of("GET_CONSUMER_GROUPS reply", DecodeGetConsumerGroupsReply, list(AppendConsumerGroup)),
	of("CREATE_CONSUMER_GROUP", DecodeCreateConsumerGroup, AppendCreateConsumerGroup),
	of("CREATE_CONSUMER_GROUP reply", DecodeCreateConsumerGroupReply, AppendCreateConsumerGroupReply),
	of("DELETE_CONSUMER_GROUP", DecodeDeleteConsumerGroup, AppendDeleteConsumerGroup),
	of("JOIN_CONSUMER_GROUP", DecodeJoinConsumerGroup, AppendJoinConsumerGroup),
	of("LEAVE_CONSUMER_GROUP", DecodeLeaveConsumerGroup, AppendLeaveConsumerGroup),
	of("SYNC_CONSUMER_GROUP", DecodeSyncConsumerGroup, AppendSyncConsumerGroup),
	of("SYNC_CONSUMER_GROUP reply", found(DecodeSyncConsumerGroupReply), AppendSyncConsumerGroupReply),
}

func TestWhatIsEncodedDecodesToTheSame(t *testing.T) {
	rng := seeded(t)
	for _, c := range codecs {
		for range 100 {
			c.random(t, rng)
		}
	}
}

// Cutting a body anywhere gives an error or, where a list or view ends with the body, less; adding to it is ignored
// but where something runs to the end. Neither panics.
func TestBodiesCutOrLengthenedAnywhereAreHandled(t *testing.T) {
	rng := seeded(t)
	for _, c := range codecs {
		p := c.random(t, rng)
		for n := range p {
			c.decode(t, p[:n:n])
		}
		c.decode(t, append(p, 0, 0, 0, 0))
	}
}

func TestTrailingBytesAreIgnored(t *testing.T) {
	p := append(AppendDeleteTopic(nil, wire.DeleteTopic{Stream: orders, Topic: events}), 0, 0, 0, 0) // as Node sends it
	if d, err := DecodeDeleteTopic(p); err != nil || d.Topic.String() != "events" {
		t.Errorf("%+v, %v", d, err)
	}
	p = append(golden(t, "login.request"), "more"...)
	if l, err := DecodeLogin(p); err != nil || string(l.Password) != "iggy" {
		t.Errorf("%+v, %v", l, err)
	}
}

// FuzzDispatch decodes the body of any command and reply.
func FuzzDispatch(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i, c := range codecs {
		f.Add(uint8(i), c.random(&testing.T{}, rng))
	}
	f.Fuzz(func(t *testing.T, which uint8, p []byte) {
		before := bytes.Clone(p)
		codecs[int(which)%len(codecs)].decode(t, p)
		if !bytes.Equal(p, before) {
			t.Fatal("decoding changed the body")
		}
	})
}

func TestDecodersRefuse(t *testing.T) {
	f := func(want error, digits string, decode func([]byte) error) {
		t.Helper()
		if err := decode(unhex(t, digits)); err != want {
			t.Errorf("%s: %v, want %v", digits, err, want)
		}
	}
	stream := func(p []byte) error { _, err := DecodeGetStream(p); return err }
	bad := error(wire.StatusInvalidCommand)
	f(nil, "01 04 07000000", stream)
	f(bad, "", stream)
	f(bad, "00 04 07000000", stream) // kind
	f(bad, "03 04 07000000", stream)
	f(bad, "01 03 070000", stream) // length of a number
	f(bad, "01 04 070000", stream)
	f(bad, "02 00", stream)      // empty name
	f(bad, "02 02 c328", stream) // not UTF-8
	f(bad, "02 05 6162", stream) // cut

	send := func(p []byte) error { _, err := DecodeSendMessages(p); return err }
	f(nil, "12000000 010400000000 010400000000 0100 01000000", send)
	f(bad, "11000000 010400000000 010400000000 0100 01000000", send)    // size one less than its fields
	f(bad, "13000000 010400000000 010400000000 0100 01000000 00", send) // and one more
	f(bad, "ffffffff 010400000000 010400000000 0100 01000000", send)
	f(bad, "12000000 010400000000 010400000000 0100 00000000", send)   // no messages
	f(bad, "13000000 010400000000 010400000000 010100 01000000", send) // balanced, with a value
	f(bad, "12000000 010400000000 010400000000 0300 01000000", send)   // empty key
	f(bad, "14000000 010400000000 010400000000 02020000 01000000", send)
	f(bad, "12000000 010400000000 010400000000 0400 01000000", send)

	poll := func(p []byte) error { _, err := DecodePollMessages(p); return err }
	const where = "010400000000 010400000000 "
	f(nil, "01 010400000000"+where+"00 00000000 01 0000000000000000 01000000 00", poll)
	f(bad, "03 010400000000"+where+"00 00000000 01 0000000000000000 01000000 00", poll) // consumer kind
	f(bad, "01 010400000000"+where+"02 00000000 01 0000000000000000 01000000 00", poll) // partition flag
	f(bad, "01 010400000000"+where+"00 00000000 06 0000000000000000 01000000 00", poll) // strategy
	f(bad, "01 010400000000"+where+"00 00000000 01 0000000000000000 01000000", poll)    // cut

	store := func(p []byte) error { _, err := DecodeStoreConsumerOffset(p); return err }
	f(nil, "01 010400000000"+where+"00 00000000 0000000000000000 01", store)
	f(wire.StatusResourceNotFound, "01 010400000000"+where+"00 00000000 0000000000000000 02", store) // ack
	f(wire.StatusResourceNotFound, "01", store)

	describe := func(p []byte) error { _, err := DecodeDescribeOptions(p); return err }
	f(nil, "01", describe)
	f(bad, "00", describe)
	f(bad, "04", describe)

	login := func(p []byte) error { _, err := DecodeLogin(p); return err }
	f(nil, "002c0000 0161 0162 0163 0164 00000000", login)
	f(nil, "ff2f0000 0161 0162 0163 0164 00000000", login)                        // 0.11.1023
	f(ReasonIncompatibleProtocol, "ff2b0000 0161 0162 0163 0164 00000000", login) // below
	f(ReasonIncompatibleProtocol, "00300000 0161 0162", login)                    // 0.12, whatever follows
	f(ReasonMalformedLogin, "002c00", login)
	f(ReasonMalformedLogin, "002c0000 00 0162 0163 0164 00000000", login) // sdk name empty
	f(ReasonMalformedLogin, "002c0000 0161 0162 05", login)

	snapshot := func(p []byte) error { _, err := DecodeGetSnapshotFile(p); return err }
	f(nil, "02 00", snapshot)
	f(nil, "06 06 01 02 03 04 05 06", snapshot)
	f(nil, "01 01 64", snapshot)
	f(bad, "00 00", snapshot) // compression
	f(bad, "07 00", snapshot)
	f(bad, "02 01 00", snapshot) // type
	f(bad, "02 01 07", snapshot)
	f(bad, "02 01 65", snapshot)
	f(bad, "02 02 64 01", snapshot) // all, and another
	f(bad, "02 02 01 64", snapshot)
	f(bad, "02 02 01", snapshot) // cut
	f(bad, "02", snapshot)

	user := func(p []byte) error { _, err := DecodeCreateUser(p); return err }
	f(nil, "0161 0162 01 00", user)
	f(nil, "00 00 00 00", user)        // lengths and status are judged elsewhere
	f(bad, "02c328 0162 01 00", user)  // not UTF-8
	f(bad, "0161 0162 01 02", user)    // has permissions: neither 0 nor 1
	f(bad, "0161 0162 01", user)       // cut
	f(bad, "0161 0162 01 00 02", user) // no options block

	update := func(p []byte) error { _, err := DecodeUpdateUser(p); return err }
	f(nil, "010400000000 00 00", update)
	f(nil, "010400000000 01 0161 01 02", update)
	f(bad, "010400000000 00", update)
	f(bad, "010400000000 01 0561 00", update)
	f(bad, "010400000000 02 0161 00", update)
	f(bad, "010400000000 00 01", update)

	token := func(p []byte) error { _, err := DecodeCreateToken(p); return err }
	f(nil, "0161 0000000000000000", token)
	f(nil, "00 0000000000000000", token) // judged elsewhere
	f(bad, "0161 00000000000000", token)
	f(bad, "02c328 0000000000000000", token)

	group := func(p []byte) error { _, err := DecodeCreateConsumerGroup(p); return err }
	f(nil, where+"0161", group)
	f(bad, where+"00", group)
	f(bad, where+"02c328", group)
	f(bad, where, group)

	sync := func(p []byte) error { _, _, err := DecodeSyncConsumerGroupReply(p); return err }
	f(nil, "0300000000000000 00000000", sync)
	f(bad, "0300000000000000", sync)
	f(bad, "0300000000000000 02000000 00000000", sync)
	f(bad, "0300000000000000 ffffffff 00000000", sync)

	create := func(p []byte) error { _, err := DecodeCreateStream(p); return err }
	f(nil, "0161", create)
	f(nil, "0161 02 01000000 6b 02 01000000 76", create)
	f(bad, "00", create)
	f(bad, "0161 01 01000000 6b 02 01000000 76", create) // key of another kind
	f(bad, "0161 02 00000000 02 01000000 76", create)    // empty key
	f(bad, "0161 02 01000000 6b 02 00000000", create)    // empty value
	f(bad, "0161 02 01000000 6b 10 01000000 76", create) // unknown kind
	f(bad, "0161 02 01000000 ff 02 01000000 76", create) // key not UTF-8
	f(bad, "0161 02 ffffffff 6b 02 01000000 76", create)
	f(bad, "0161 02 01000000 6b 02 01000000 76 02 01000000 6b 02 01000000 77", create) // twice
}

func TestPermissionsAreTakenInAnyOrderAndOnce(t *testing.T) {
	const none10, none6, none4 = "00000000000000000000", "000000000000", "00000000"
	f := func(want *wire.Permissions, digits string) {
		t.Helper()
		block := unhex(t, digits)
		got, err := DecodeUpdatePermissions(appendBytes32(unhex(t, "010400000000 01"), block))
		if refused := err == wire.StatusInvalidCommand; refused != (want == nil) || err != nil && !refused {
			t.Errorf("%s: %v", digits, err)
		} else if !refused && !reflect.DeepEqual(got.Permissions, want) {
			t.Errorf("%s: %+v", digits, got.Permissions)
		}
	}
	topics := func(ids ...uint32) (out []wire.TopicPermissions) {
		for _, id := range ids {
			out = append(out, wire.TopicPermissions{ID: id})
		}
		return out
	}
	f(&wire.Permissions{}, none10+"00")
	f(&wire.Permissions{Global: 1<<9 | 1}, "07 0000000000000000 ff 00") // whatever is not 0 is true
	f(&wire.Permissions{Streams: []wire.StreamPermissions{{ID: 1, Rights: 1<<5 | 1}}}, none10+"02 01000000 ff0000000080 00 00")
	f(&wire.Permissions{Streams: []wire.StreamPermissions{{ID: 1}, {ID: 2, Topics: topics(3, 7, 9)}}},
		none10+"ff 02000000"+none6+"01 09000000"+none4+"80 03000000"+none4+"01 07000000"+none4+"00 01 01000000"+none6+"00 00")
	f(nil, none10+"01 01000000"+none6+"00 01 01000000"+none6+"00 00")                                      // stream twice
	f(nil, none10+"01 01000000"+none6+"01 02000000"+none4+"01 03000000"+none4+"01 02000000"+none4+"00 00") // topic twice
	f(nil, none10)                                                                                         // no more bytes
	f(nil, none10+"01 01000000"+none6+"00")                                                                // another was to follow or not
	f(nil, none10+"01 01000000"+none6)                                                                     // likewise
	f(nil, none10+"01 01000000 0000000000")                                                                // cut in the flags
	f(nil, none10+"00 00")                                                                                 // one too many
	f(nil, "")

	body := appendPermissions(unhex(t, "010400000000"), &wire.Permissions{Global: 3})
	if u, err := DecodeUpdatePermissions(append(bytes.Clone(body), 0xff)); err != nil || u.Permissions.Global != 3 {
		t.Errorf("trailing bytes behind the block: %v", err)
	}
	for _, size := range []uint32{0, 10, 12, 1<<32 - 1} {
		put32(body[7:], size)
		if _, err := DecodeUpdatePermissions(append(bytes.Clone(body), 0)); err != wire.StatusInvalidCommand {
			t.Errorf("size %d where it is 11: %v", size, err)
		}
	}
}

func TestPermissionsHaveBounds(t *testing.T) {
	f := func(streams, topics int, want error) {
		t.Helper()
		p := &wire.Permissions{Streams: make([]wire.StreamPermissions, streams)}
		for i := range p.Streams {
			p.Streams[i].ID = uint32(i)
		}
		for i := range topics {
			p.Streams[0].Topics = append(p.Streams[0].Topics, wire.TopicPermissions{ID: uint32(i)})
		}
		body := AppendUpdatePermissions(nil, wire.UpdatePermissions{User: wire.Numbered(1), Permissions: p})
		if _, err := DecodeUpdatePermissions(body); err != want {
			t.Errorf("%d streams, %d topics: %v, want %v", streams, topics, err, want)
		}
	}
	f(1, wire.PermissionTopicsMax, nil)
	f(1, wire.PermissionTopicsMax+1, wire.StatusInvalidCommand)
	f(wire.PermissionStreamsMax, 0, nil)
	f(wire.PermissionStreamsMax+1, 0, wire.StatusInvalidCommand)
}

// The header does not say which login it is; the body must, whatever the secrets are made of.
func TestTheTwoLoginsAreNeverConfused(t *testing.T) {
	rng := seeded(t)
	secret := func(size int) []byte {
		p := make([]byte, size)
		switch rng.IntN(3) {
		case 0: // zeros
		case 1:
			for i := range p {
				p[i] = byte(rng.IntN(4))
			}
		default:
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
		}
		return p
	}
	f := func(l wire.Login) {
		t.Helper()
		l.Protocol, l.SDKName, l.SDKVersion = Protocol, []byte("rust-sdk"), []byte("0.11.0")
		if got, err := DecodeLogin(AppendLogin(nil, l)); err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%+v\nread as\n%+v (%v)", l, got, err)
		}
	}
	for size := 1; size <= 255; size++ {
		f(wire.Login{ByToken: true, Token: secret(size)})
		f(wire.Login{Username: secret(size), Password: secret(1 + rng.IntN(255))})
		f(wire.Login{Username: secret(1 + rng.IntN(255)), Password: secret(size)})
	}

	// Trailing bytes of no client: four zeros and one more are an empty password and an empty context.
	p := append(golden(t, "login_token.request"), 0)
	if l, err := DecodeLogin(p); err != nil || l.ByToken || string(l.Username) != "tok" || len(l.Password) != 0 {
		t.Errorf("a token and a zero too many: %+v, %v", l, err)
	}
}

func TestOptionsHaveBounds(t *testing.T) {
	var options []wire.Option
	for i := range wire.OptionsMax {
		options = append(options, wire.TextOption(string(rune('a'+i%26))+string(rune('0'+i/26)), "v"))
	}
	body := AppendCreateStream(nil, wire.CreateStream{Name: []byte("s"), Options: options})
	if c, err := DecodeCreateStream(body); err != nil || len(c.Options) != wire.OptionsMax {
		t.Fatalf("%d options: %v", len(options), err)
	}
	if _, err := DecodeCreateStream(appendOptions(body, []wire.Option{wire.TextOption("one more", "v")})); err != wire.StatusOptionsBlockTooLarge {
		t.Errorf("one more: %v", err)
	}
	if _, err := DecodeCreateStream(append([]byte("\x01s"), make([]byte, wire.OptionsBytesMax+1)...)); err != wire.StatusOptionsBlockTooLarge {
		t.Errorf("too many bytes: %v", err)
	}
}

func TestTheHotCommandsDoNotAllocate(t *testing.T) {
	sendBody, pollBody, storeBody := golden(t, "send_messages.request"), golden(t, "poll_messages.request"), golden(t, "store_consumer_offset.request")
	sendFrame := request(wire.CodeSendMessages, 17, 4, sendBody)
	dst := make([]byte, 0, 1024)
	head := make([]byte, HeaderSize)
	allocs := testing.AllocsPerRun(100, func() {
		f, _, _, _ := DecodeFrame(sendFrame, FrameMaxDefault)
		if _, err := CheckRequest(f, true); err != nil {
			t.Fatal(err)
		}
		send, err1 := DecodeSendMessages(f.Body)
		poll, err2 := DecodePollMessages(pollBody)
		store, err3 := DecodeStoreConsumerOffset(storeBody)
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatal(err1, err2, err3)
		}
		PutReply(head, f.Handle(), wire.StatusOK, 24, 1)
		AppendSendMessagesReply(dst, wire.Placement{})
		AppendPollMessagesReply(dst, wire.Polled{})
		AppendGetConsumerOffsetReply(dst, wire.ConsumerOffset{})
		AppendEmptyReply(dst, StoreConsumerOffset)
		AppendSendMessages(dst, send)
		AppendPollMessages(dst, poll)
		AppendStoreConsumerOffset(dst, store)
		PutRequest(head, RequestHeader{Client: someClient, Session: 17, Request: 4, Code: wire.CodeSendMessages}, sendBody[:30], sendBody[30:])
		if _, err := DecodeSendMessages(sendBody[:20]); err != wire.StatusInvalidCommand {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkDecodeSendMessages(b *testing.B) {
	p := request(wire.CodeSendMessages, 17, 4, golden(b, "send_messages.request"))
	b.ReportAllocs()
	for b.Loop() {
		f, _, _, _ := DecodeFrame(p, FrameMaxDefault)
		if _, err := CheckRequest(f, true); err != nil {
			b.Fatal(err)
		}
		if _, err := DecodeSendMessages(f.Body); err != nil {
			b.Fatal(err)
		}
	}
}
