package e2e

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// allRights are all global flags: with them every command is allowed.
func allRights() (all []right) {
	for _, f := range globalFlags {
		all = append(all, right{f, -1, -1})
	}
	return all
}

// answers sends all commands and checks their statuses.
func (g *ground) answers(c *caller, what string, want func(name string, o order, s wire.Status) bool) {
	g.t.Helper()
	orders := g.orders()
	for _, name := range slices.Sorted(maps.Keys(orders)) {
		o := orders[name]
		status, payload := c.call(o.code, o.body)
		if !want(name, o, status) {
			g.t.Errorf("%s: %s answers %d (%d bytes)", what, name, status, len(payload))
		}
		if status == 0 && o.undo != nil {
			o.undo()
		}
	}
}

func served(_ string, o order, s wire.Status) bool {
	return slices.Contains(o.statuses, s) || s == 0 && o.statuses == nil
}

func unauthenticated(name string, _ order, s wire.Status) bool {
	return s == wire.StatusUnauthenticated || name == "PING" && s == 0
}

// TestRightsChangeAtOnce: who has seen the answer to a change finds it on every connection, whichever shard has it.
func TestRightsChangeAtOnce(t *testing.T) {
	g := newGround(t)
	var callers []*caller
	for range 4 {
		callers = append(callers, g.s.caller(someone, password))
	}
	send := g.orders()["SEND_MESSAGES"]
	for round := range 50 {
		rights, want := []right{{"send_messages", rightID, rightID}}, wire.StatusOK
		if round%2 == 1 {
			rights, want = []right{{"send_messages", rightID, wrongID}}, wire.StatusUnauthorized
		}
		g.grant(rights)
		for i, c := range callers {
			if status, _ := c.call(send.code, send.body); status != want {
				t.Fatalf("round %d, connection %d: answered %d, want %d", round, i, status, want)
			}
		}
	}
}

// TestRightsOfADeletedUser: its sessions are those of nobody, also when its id is given to somebody else.
func TestRightsOfADeletedUser(t *testing.T) {
	g := newGround(t)
	old := []*caller{g.s.caller(someone, password), g.s.caller(someone, password)}
	g.grant(allRights())
	token, err := g.createTokenOf(someone, password)
	g.must(err)
	for _, c := range old {
		g.answers(c, "before", served)
	}
	g.must(g.root.DeleteUser(t.Context(), wire.Numbered(g.user)))
	for _, c := range old {
		g.answers(c, "deleted", unauthenticated)
	}
	everything := permissions(allRights())
	for _, name := range []string{"somebody-else", someone} { // also one of the same name is not the same
		u, err := g.root.CreateUser(t.Context(), name, password, everything)
		g.must(err)
		if u.ID != g.user {
			t.Fatalf("%s has id %d, want that of the deleted user, %d: nothing would be proved", name, u.ID, g.user)
		}
		for _, c := range old {
			g.answers(c, "deleted, and its id is that of "+name, unauthenticated)
		}
		c, err := client.Dial(t.Context(), g.s.Address)
		g.must(err)
		defer c.Close()
		if _, err := c.LoginWithToken(t.Context(), token); !errors.Is(err, wire.StatusInvalidPersonalAccessToken) {
			t.Errorf("login with a token of the deleted user: %v", err)
		}
		if tokens, err := g.tokensOf(name, password); err != nil || len(tokens) != 0 {
			t.Errorf("%s has tokens %v, %v", name, tokens, err)
		}
		fresh := g.s.caller(name, password)
		g.answers(fresh, name, func(command string, o order, s wire.Status) bool {
			return served(command, o, s)
		})
		g.must(g.root.DeleteUser(t.Context(), wire.Named(name)))
		g.answers(fresh, name+", deleted", unauthenticated)
	}
}

// as runs f on a connection of a user.
func (g *ground) as(name, password string, f func(c *client.Client) error) error {
	c, err := client.Dial(g.t.Context(), g.s.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Login(g.t.Context(), name, password); err != nil {
		return err
	}
	return f(c)
}

func (g *ground) createTokenOf(name, password string) (token string, err error) {
	err = g.as(name, password, func(c *client.Client) error {
		token, err = c.CreateToken(g.t.Context(), "of "+name, 0)
		return err
	})
	return token, err
}

func (g *ground) tokensOf(name, password string) (tokens []wire.Token, err error) {
	err = g.as(name, password, func(c *client.Client) error {
		tokens, err = c.GetTokens(g.t.Context())
		return err
	})
	return tokens, err
}

// TestRightsOfAnInactiveUser: who is switched off cannot log in, and has no session any more, also when switched on again.
func TestRightsOfAnInactiveUser(t *testing.T) {
	g := newGround(t)
	c := g.s.caller(someone, password)
	token, err := g.createTokenOf(someone, password)
	g.must(err)
	set := func(status wire.UserStatus) {
		t.Helper()
		g.must(g.root.UpdateUser(t.Context(), wire.UpdateUser{User: wire.Numbered(g.user), HasStatus: true, Status: status}))
	}
	login := func() (byPassword, byToken error) {
		t.Helper()
		a, err := client.Dial(t.Context(), g.s.Address)
		g.must(err)
		defer a.Close()
		_, byPassword = a.Login(t.Context(), someone, password)
		_, byToken = a.LoginWithToken(t.Context(), token)
		return byPassword, byToken
	}
	g.grant(allRights())
	set(wire.UserInactive)
	g.answers(c, "inactive", unauthenticated)
	byPassword, byToken := login()
	var reason vsr.Reason
	if !errors.Is(byPassword, wire.StatusInvalidCredentials) || !errors.As(byToken, &reason) || reason != vsr.ReasonUserInactive {
		t.Errorf("login of an inactive user: by password %v, by token %v", byPassword, byToken)
	}
	set(wire.UserActive)
	g.answers(c, "active again", unauthenticated)
	if byPassword, byToken := login(); byPassword != nil || byToken != nil {
		t.Errorf("login of a user that is active again: %v, %v", byPassword, byToken)
	}
}

// TestResolutionComesBeforeRights: who has no rights sees "not found" for what does not exist, and 41 for what does. The user
// commands but GET_USER are the other way round, and options are judged before the right.
func TestResolutionComesBeforeRights(t *testing.T) {
	g := newGround(t)
	c := g.s.caller(someone, password)
	f := func(what string, code wire.Code, body []byte, want wire.Status) []byte {
		t.Helper()
		status, payload := c.call(code, body)
		if status != want {
			t.Errorf("%s, command %d: answered %d, want %d", what, code, status, want)
		}
		return payload
	}
	empty := func(what string, code wire.Code, body []byte) {
		t.Helper()
		if payload := f(what, code, body, 0); len(payload) != 0 {
			t.Errorf("%s, command %d: %d bytes, want none", what, code, len(payload))
		}
	}
	const noStream, noTopic, noPartition, notFound = wire.StatusStreamIDNotFound, wire.StatusTopicIDNotFound, wire.StatusPartitionNotFound, wire.StatusResourceNotFound
	none, one, group := wire.Named("none"), wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}, wire.Named("group")

	// What is about a stream.
	empty("no stream", wire.CodeGetStream, vsr.AppendGetStream(nil, wire.GetStream{Stream: none}))
	if p := f("no stream", wire.CodeGetTopics, vsr.AppendGetTopics(nil, wire.GetTopics{Stream: none}), 0); string(p) != "\x00\x00\x00\x00" {
		t.Errorf("topics of no stream: %x, want a count of none", p)
	}
	f("no stream", wire.CodeUpdateStream, vsr.AppendUpdateStream(nil, wire.UpdateStream{Stream: none, Name: []byte("x")}), noStream)
	f("no stream", wire.CodeDeleteStream, vsr.AppendDeleteStream(nil, wire.DeleteStream{Stream: none}), noStream)
	f("no stream", wire.CodePurgeStream, vsr.AppendPurgeStream(nil, wire.PurgeStream{Stream: none}), noStream)
	f("no stream", wire.CodeCreateTopic, vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: none, Name: []byte("x")}), noStream)

	// What is about a topic: of no stream, no topic of a stream, and no partition of a topic.
	send := func(st, tp wire.Identifier, partition uint32) []byte {
		return append(vsr.AppendSendMessages(nil, wire.SendMessages{Stream: st, Topic: tp, Count: 1,
			Partitioning: wire.Partitioning{Kind: wire.ToPartition, Partition: partition}}), oneMessage(t)...)
	}
	poll := func(st, tp wire.Identifier, partition uint32, who wire.Consumer) []byte {
		return vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: who, Stream: st, Topic: tp, Partition: wire.InPartition(partition), Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 1})
	}
	get := func(st, tp wire.Identifier, partition uint32) []byte {
		return vsr.AppendGetConsumerOffset(nil, wire.GetConsumerOffset{Consumer: one, Stream: st, Topic: tp, Partition: wire.InPartition(partition)})
	}
	store := func(st, tp wire.Identifier, partition uint32) []byte {
		return vsr.AppendStoreConsumerOffset(nil, wire.StoreConsumerOffset{Consumer: one, Stream: st, Topic: tp, Partition: wire.InPartition(partition), Ack: wire.AckQuorum})
	}
	remove := func(st, tp wire.Identifier, partition uint32) []byte {
		return vsr.AppendDeleteConsumerOffset(nil, wire.DeleteConsumerOffset{Consumer: one, Stream: st, Topic: tp, Partition: wire.InPartition(partition), Ack: wire.AckQuorum})
	}
	segments := func(st, tp wire.Identifier, partition uint32) []byte {
		return vsr.AppendDeleteSegments(nil, wire.DeleteSegments{Stream: st, Topic: tp, Partition: partition})
	}
	right := wire.Named("right")
	members := wire.Consumer{Kind: wire.GroupConsumer, ID: group}
	for _, x := range []struct {
		what   string
		st, tp wire.Identifier
		want   wire.Status
	}{{"no stream", none, right, noStream}, {"no topic", right, none, noTopic}} {
		empty(x.what, wire.CodeGetTopic, vsr.AppendGetTopic(nil, wire.GetTopic{Stream: x.st, Topic: x.tp}))
		empty(x.what, wire.CodeGetConsumerOffset, get(x.st, x.tp, 0))
		empty(x.what, wire.CodeSyncConsumerGroup, vsr.AppendSyncConsumerGroup(nil, wire.SyncConsumerGroup{Stream: x.st, Topic: x.tp, Group: group}))
		f(x.what, wire.CodeUpdateTopic, vsr.AppendUpdateTopic(nil, wire.UpdateTopic{Stream: x.st, Topic: x.tp, Name: []byte("x")}), x.want)
		f(x.what, wire.CodeDeleteTopic, vsr.AppendDeleteTopic(nil, wire.DeleteTopic{Stream: x.st, Topic: x.tp}), x.want)
		f(x.what, wire.CodePurgeTopic, vsr.AppendPurgeTopic(nil, wire.PurgeTopic{Stream: x.st, Topic: x.tp}), x.want)
		f(x.what, wire.CodeSetDurability, vsr.AppendSetDurability(nil, wire.SetDurability{Stream: x.st, Topic: x.tp, Messages: wire.DurabilityWritten}), x.want)
		f(x.what, wire.CodeCreatePartitions, vsr.AppendCreatePartitions(nil, wire.CreatePartitions{Stream: x.st, Topic: x.tp, Count: 1}), x.want)
		f(x.what, wire.CodeDeletePartitions, vsr.AppendDeletePartitions(nil, wire.DeletePartitions{Stream: x.st, Topic: x.tp, Count: 1}), x.want)
		f(x.what, wire.CodeDeleteSegments, segments(x.st, x.tp, 0), x.want)
		f(x.what, wire.CodeGetConsumerGroup, vsr.AppendGetConsumerGroup(nil, wire.GetConsumerGroup{Stream: x.st, Topic: x.tp, Group: group}), x.want)
		f(x.what, wire.CodeGetConsumerGroups, vsr.AppendGetConsumerGroups(nil, wire.GetConsumerGroups{Stream: x.st, Topic: x.tp}), x.want)
		f(x.what, wire.CodeCreateConsumerGroup, vsr.AppendCreateConsumerGroup(nil, wire.CreateConsumerGroup{Stream: x.st, Topic: x.tp, Name: []byte("x")}), x.want)
		f(x.what, wire.CodeDeleteConsumerGroup, vsr.AppendDeleteConsumerGroup(nil, wire.DeleteConsumerGroup{Stream: x.st, Topic: x.tp, Group: group}), x.want)
		f(x.what, wire.CodeJoinConsumerGroup, vsr.AppendJoinConsumerGroup(nil, wire.JoinConsumerGroup{Stream: x.st, Topic: x.tp, Group: group}), x.want)
		f(x.what, wire.CodeLeaveConsumerGroup, vsr.AppendLeaveConsumerGroup(nil, wire.LeaveConsumerGroup{Stream: x.st, Topic: x.tp, Group: group}), x.want)
		f(x.what, wire.CodePollMessages, poll(x.st, x.tp, 0, one), x.want)
		f(x.what, wire.CodeSendMessages, send(x.st, x.tp, 0), x.want)
		f(x.what, wire.CodeFlushUnsavedBuffer, vsr.AppendFlushUnsavedBuffer(nil, wire.FlushUnsavedBuffer{Stream: x.st, Topic: x.tp}), x.want)
		f(x.what, wire.CodeStoreConsumerOffset, store(x.st, x.tp, 0), notFound)
		f(x.what, wire.CodeDeleteConsumerOffset, remove(x.st, x.tp, 0), notFound)
		if p, err := vsr.DecodePollMessagesReply(f(x.what, wire.CodePollMessages, poll(x.st, x.tp, 0, members), 0)); err != nil || p.PartitionID != wire.NotOwned {
			t.Errorf("%s: a group's poll answers %+v, %v", x.what, p, err)
		}
	}
	f("no partition", wire.CodePollMessages, poll(right, right, 9, one), noPartition)
	f("no partition", wire.CodeSendMessages, send(right, right, 9), noPartition)
	f("no partition", wire.CodeFlushUnsavedBuffer, vsr.AppendFlushUnsavedBuffer(nil, wire.FlushUnsavedBuffer{Stream: right, Topic: right, Partition: 9}), noPartition)
	f("no partition", wire.CodeGetConsumerOffset, get(right, right, 9), noPartition)
	f("no partition", wire.CodeDeleteSegments, segments(right, right, 9), noPartition)
	f("no partition", wire.CodeStoreConsumerOffset, store(right, right, 9), notFound)
	f("no partition", wire.CodeDeleteConsumerOffset, remove(right, right, 9), notFound)

	// Users and clients.
	empty("no user", wire.CodeGetUser, vsr.AppendGetUser(nil, wire.GetUser{User: none}))
	empty("no client", wire.CodeGetClient, vsr.AppendGetClient(nil, wire.GetClient{ID: 1 << 31}))
	const denied = wire.StatusUnauthorized
	f("no user", wire.CodeDeleteUser, vsr.AppendDeleteUser(nil, wire.DeleteUser{User: none}), denied)
	f("no user", wire.CodeUpdateUser, vsr.AppendUpdateUser(nil, wire.UpdateUser{User: none}), denied)
	f("no user", wire.CodeUpdatePermissions, vsr.AppendUpdatePermissions(nil, wire.UpdatePermissions{User: none}), denied)
	f("no user", wire.CodeChangePassword, vsr.AppendChangePassword(nil, wire.ChangePassword{User: none, Current: []byte("iggy"), New: []byte("iggy2")}), denied)
	f("a user of that name", wire.CodeCreateUser, vsr.AppendCreateUser(nil, wire.CreateUser{Username: []byte(someone), Password: []byte(password), Status: wire.UserActive}), denied)
	f("root", wire.CodeDeleteUser, vsr.AppendDeleteUser(nil, wire.DeleteUser{User: wire.Numbered(0)}), denied)
	f("root", wire.CodeUpdatePermissions, vsr.AppendUpdatePermissions(nil, wire.UpdatePermissions{User: wire.Numbered(0)}), denied)

	// Options.
	bad, wrong := []wire.Option{wire.TextOption("no-such-key", "x")}, []wire.Option{wire.TextOption("durability", "never")}
	f("an option", wire.CodeCreateStream, vsr.AppendCreateStream(nil, wire.CreateStream{Name: []byte("x"), Options: bad}), wire.StatusUnsupportedOptionKey)
	f("an option", wire.CodeUpdateStream, vsr.AppendUpdateStream(nil, wire.UpdateStream{Stream: right, Name: []byte("x"), Options: bad}), wire.StatusUnsupportedOptionKey)
	f("an option", wire.CodeCreateTopic, vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: right, Name: []byte("x"), Options: bad}), wire.StatusUnsupportedOptionKey)
	f("an option", wire.CodeUpdateTopic, vsr.AppendUpdateTopic(nil, wire.UpdateTopic{Stream: right, Topic: right, Name: []byte("x"), Options: bad}), wire.StatusUnsupportedOptionKey)
	f("a value", wire.CodeCreateTopic, vsr.AppendCreateTopic(nil, wire.CreateTopic{Stream: right, Name: []byte("x"), Options: wrong}), wire.StatusInvalidOptionValue)
}
