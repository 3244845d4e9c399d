package metadata

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rightsTable is the protocol's table in words: the actions | global flags | flags of the stream's entry | flags of the
// topic's entry. "all" as global flags: every user.
const rightsTable = `
get_stats get_client get_clients get_snapshot_file | read_servers manage_servers | |
ping | all | |
get_me get_personal_access_tokens create_personal_access_token delete_personal_access_token | all | |
describe_options get_cluster_metadata sync_consumer_group | all | |
get_user get_users | read_users manage_users | |
get_own_user change_own_password | all | |
create_user update_user delete_user update_permissions change_password | manage_users | |
get_streams | read_streams manage_streams | |
get_stream | read_streams manage_streams | read_stream manage_stream |
create_stream | manage_streams | |
update_stream delete_stream purge_stream | manage_streams | manage_stream |
get_topics | read_streams manage_streams read_topics manage_topics | manage_stream read_stream manage_topics read_topics |
get_topic | read_streams manage_streams read_topics manage_topics | manage_stream read_stream manage_topics read_topics | manage_topic read_topic
get_consumer_group get_consumer_groups create_consumer_group delete_consumer_group join_consumer_group leave_consumer_group | read_streams manage_streams read_topics manage_topics | manage_stream read_stream manage_topics read_topics | manage_topic read_topic
create_topic | manage_streams manage_topics | manage_stream manage_topics |
update_topic delete_topic purge_topic create_partitions delete_partitions delete_segments | manage_streams manage_topics | manage_stream manage_topics | manage_topic
poll_messages get_consumer_offset store_consumer_offset delete_consumer_offset | poll_messages read_topics manage_topics read_streams manage_streams | poll_messages manage_stream read_stream manage_topics read_topics | manage_topic read_topic poll_messages
send_messages | send_messages manage_streams manage_topics | send_messages manage_stream manage_topics | manage_topic send_messages
`

// The flags in the order of the protocol's record.
var (
	globalFlags = strings.Fields("manage_servers read_servers manage_users read_users manage_streams read_streams manage_topics read_topics poll_messages send_messages")
	streamFlags = strings.Fields("manage_stream read_stream manage_topics read_topics poll_messages send_messages")
	topicFlags  = strings.Fields("manage_topic read_topic poll_messages send_messages")
)

// tableRow is the line of the table that an action stands in.
func tableRow(t *testing.T, action string) (global, stream, topic []string) {
	t.Helper()
	for line := range strings.Lines(rightsTable) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) == 4 && slices.Contains(strings.Fields(cells[0]), action) {
			return strings.Fields(cells[1]), strings.Fields(cells[2]), strings.Fields(cells[3])
		}
	}
	t.Fatalf("%s stands in no line of the table", action)
	return nil, nil, nil
}

// held are rights as the model sees them: words, with the numbers of the entry they stand in.
type held struct {
	flag          string
	stream, topic int // -1: a global flag, a flag of a whole stream
}

func modelMay(t *testing.T, action string, rights []held, stream, topic int) bool {
	global, streams, topics := tableRow(t, action)
	if slices.Contains(global, "all") {
		return true
	}
	for _, h := range rights {
		switch {
		case h.stream < 0 && slices.Contains(global, h.flag),
			h.stream == stream && h.topic < 0 && slices.Contains(streams, h.flag),
			h.stream == stream && h.topic == topic && slices.Contains(topics, h.flag):
			return true
		}
	}
	return false
}

// record writes the rights as the machine's record.
func record(rights []held) *Permissions {
	p := &Permissions{}
	for stream := range 5 {
		entry := StreamPermissions{Stream: StreamID(stream)}
		for topic := range 5 {
			leaf := TopicPermissions{Topic: TopicID(topic)}
			for _, h := range rights {
				if h.stream == stream && h.topic == topic {
					leaf.Rights |= 1 << slices.Index(topicFlags, h.flag)
				}
			}
			if leaf.Rights != 0 {
				entry.Topics = append(entry.Topics, leaf)
			}
		}
		for _, h := range rights {
			if h.stream == stream && h.topic < 0 {
				entry.Rights |= 1 << slices.Index(streamFlags, h.flag)
			}
		}
		if entry.Rights != 0 || entry.Topics != nil {
			p.Streams = append(p.Streams, entry)
		}
	}
	for _, h := range rights {
		if h.stream < 0 {
			p.Global |= 1 << slices.Index(globalFlags, h.flag)
		}
	}
	return p
}

// singleRights are all flags one by one, in the entries of the right and of wrong streams and topics (2 and 3 are right).
func singleRights() (all []held) {
	for _, flag := range globalFlags {
		all = append(all, held{flag, -1, -1})
	}
	for _, stream := range []int{2, 1, 3} {
		for _, flag := range streamFlags {
			all = append(all, held{flag, stream, -1})
		}
		for _, topic := range []int{3, 2, 4} {
			for _, flag := range topicFlags {
				all = append(all, held{flag, stream, topic})
			}
		}
	}
	return all
}

func TestRightsAgainstTheTable(t *testing.T) {
	allowed := 0
	for _, a := range Actions() {
		check := func(rights []held) {
			t.Helper()
			u := &User{ID: 1, Permissions: record(rights)}
			if err := u.Permissions.check(); err != nil {
				t.Fatal(err)
			}
			got, want := u.May(a, 2, 3), modelMay(t, a.String(), rights, 2, 3)
			if got != want {
				t.Fatalf("%v with %v: may %v, want %v", a, rights, got, want)
			}
			if got {
				allowed++
			}
		}
		check(nil)
		for _, right := range singleRights() {
			check([]held{right})
		}
		_, _, topics := tableRow(t, a.String())
		if r := a.Rule(); r.Name != a.String() || r.Free != (&User{ID: 1}).May(a, 2, 3) || (r.Topic == 0) != (len(topics) == 0) {
			t.Fatalf("%v: rule %+v", a, r)
		}
	}
	if allowed < 200 {
		t.Fatalf("only %d combinations allowed", allowed)
	}
}

func TestRightsTogetherAgainstTheTable(t *testing.T) {
	r := newRand(t)
	singles := singleRights()
	for range 20_000 {
		var rights []held
		for range r.IntN(4) {
			rights = append(rights, singles[r.IntN(len(singles))])
		}
		a := Actions()[r.IntN(len(Actions()))]
		stream, topic := 1+r.IntN(3), 2+r.IntN(3)
		u := &User{ID: UserID(1 + r.IntN(9)), Permissions: record(rights)}
		if got, want := u.May(a, StreamID(stream), TopicID(topic)), modelMay(t, a.String(), rights, stream, topic); got != want {
			t.Fatalf("%v on stream %d, topic %d with %v: may %v, want %v", a, stream, topic, rights, got, want)
		}
	}
}

func TestEveryActionStandsInTheTableOnce(t *testing.T) {
	var words []string
	for line := range strings.Lines(rightsTable) {
		actions, _, _ := strings.Cut(line, "|")
		words = append(words, strings.Fields(actions)...)
	}
	var names []string
	for _, a := range Actions() {
		names = append(names, a.String())
	}
	slices.Sort(words)
	slices.Sort(names)
	if !slices.Equal(words, names) {
		t.Fatalf("the table has\n%v\nthe actions are\n%v", words, names)
	}
}

func TestRootAndNobody(t *testing.T) {
	root, nobody := &User{ID: RootID}, &User{ID: 7}
	for _, a := range Actions() {
		if !root.May(a, 9, 9) {
			t.Errorf("root may not %v", a)
		}
		if nobody.May(a, 9, 9) != a.Rule().Free {
			t.Errorf("a user without permissions: may %v %v, free is %v", a, nobody.May(a, 9, 9), a.Rule().Free)
		}
	}
	if root.May(0, 0, 0) || root.May(actionsEnd, 0, 0) {
		t.Error("root may do what is no action")
	}
	if got := fmt.Sprint(Action(0), actionsEnd); got != "unknown unknown" {
		t.Errorf("what is no action is called %s", got)
	}
}

func TestRightsDoNotAllocate(t *testing.T) {
	var rights []held
	for _, right := range singleRights() {
		if right.stream >= 0 {
			rights = append(rights, right)
		}
	}
	u := &User{ID: 1, Permissions: record(rights)}
	allocs := testing.AllocsPerRun(100, func() {
		if !u.May(ActionPollMessages, 2, 3) || u.May(ActionPollMessages, 4, 3) || u.May(ActionGetUsers, 0, 0) {
			t.Fatal("rights are judged wrongly")
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations per judgement, want none", allocs)
	}
}
