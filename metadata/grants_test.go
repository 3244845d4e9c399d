package metadata

import (
	"fmt"
	"reflect"
	"testing"
)

// grantsWorld is streams and topics by name, and a user whose rights are looked at.
type grantsWorld struct {
	m   *Machine
	err error
}

func (w *grantsWorld) do(cmd []byte) {
	if _, err := w.m.Apply(w.m.Revision()+1, cmd); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *grantsWorld) stream(name string) { w.do(EncodeCreateStream(nil, testTime, []byte(name))) }

func (w *grantsWorld) topic(stream, name string) {
	w.do(EncodeCreateTopic(nil, testTime, CreateTopic{name2(stream), []byte(name), 1, nil}))
}

// may tells whether eve may poll from a topic.
func (w *grantsWorld) may(stream, topic string) bool {
	t, err := w.m.Topic(name2(stream), name2(topic))
	if err != nil {
		if w.err == nil {
			w.err = err
		}
		return false
	}
	eve, _ := w.m.Accounts.User(name2("eve"))
	return eve.May(ActionPollMessages, t.Stream, t.ID)
}

func newGrantsWorld() *grantsWorld {
	w := &grantsWorld{m: New()}
	w.do(EncodeCreateUser(nil, testTime, CreateUser{Name: []byte("root"), PasswordPHC: "$h", Status: UserActive}))
	return w
}

func (w *grantsWorld) eve(entries ...StreamPermissions) {
	w.do(EncodeCreateUser(nil, testTime, CreateUser{Name: []byte("eve"), PasswordPHC: "$h", Status: UserActive, Permissions: &Permissions{Streams: entries}}))
}

func (w *grantsWorld) rights() []StreamPermissions {
	u, _ := w.m.Accounts.User(name2("eve"))
	return u.Permissions.Streams
}

// checkRightsGo deletes what a user has rights in and makes something else that gets its number.
func checkRightsGo() (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%v", x)
		}
	}()
	w := newGrantsWorld()
	w.stream("old")
	w.topic("old", "orders")
	w.topic("old", "bills")
	w.eve(StreamPermissions{Stream: 0, Topics: []TopicPermissions{{Topic: 0, Rights: TopicPollMessages}, {Topic: 1, Rights: TopicPollMessages}}})
	if !w.may("old", "orders") || !w.may("old", "bills") {
		return fmt.Errorf("the rights that were given are not there: %v", w.err)
	}
	w.do(EncodeDeleteTopic(nil, testTime, name2("old"), name2("orders")))
	w.topic("old", "secret")
	if t, _ := w.m.Topic(name2("old"), name2("secret")); t == nil || t.ID != 0 {
		return fmt.Errorf("the new topic has not the number of the old one (%v)", w.err)
	}
	if w.may("old", "secret") || !w.may("old", "bills") {
		return fmt.Errorf("rights in a topic went to another topic, or others with them: %+v", w.rights())
	}
	w.do(EncodeDeleteStream(nil, testTime, name2("old")))
	w.stream("salaries")
	w.topic("salaries", "2026")
	w.topic("salaries", "2027")
	if w.may("salaries", "2026") || w.may("salaries", "2027") || len(w.rights()) != 0 {
		return fmt.Errorf("rights in a stream went to another stream: %+v", w.rights())
	}
	return w.err
}

func TestRightsGoWithWhatTheyName(t *testing.T) {
	if err := checkRightsGo(); err != nil {
		t.Fatal(err)
	}
}

// TestRightsAheadWait: rights for a number that nobody has are kept and shown, and are for the first that gets it, and for that only.
func TestRightsAheadWait(t *testing.T) {
	w := newGrantsWorld()
	w.eve(StreamPermissions{Stream: 0, Topics: []TopicPermissions{{Topic: 0, Rights: TopicPollMessages}}},
		StreamPermissions{Stream: 7, Rights: StreamRead})
	if len(w.rights()) != 2 || w.rights()[0].Since != 0 {
		t.Fatalf("rights ahead: %+v", w.rights())
	}
	w.stream("first")
	w.topic("first", "t")
	if !w.may("first", "t") || w.rights()[0].Since == 0 || w.rights()[0].Topics[0].Since == 0 {
		t.Fatalf("what was made under the number: %+v, %v", w.rights(), w.err)
	}
	w.do(EncodeDeleteTopic(nil, testTime, name2("first"), name2("t")))
	w.topic("first", "u")
	if w.may("first", "u") || w.err != nil {
		t.Fatalf("the second topic of that number: %+v, %v", w.rights(), w.err)
	}
}

// TestRightsForWhatIsGoneMeanwhile: who gave rights in a stream that was replaced before the command's turn gave none in the new one.
func TestRightsForWhatIsGoneMeanwhile(t *testing.T) {
	w := newGrantsWorld()
	w.stream("old")
	w.topic("old", "t")
	old, _ := w.m.Topic(name2("old"), name2("t"))
	stream, _ := w.m.Stream(name2("old"))
	late := []StreamPermissions{{Stream: 0, Since: stream.Since, Topics: []TopicPermissions{{Topic: 0, Since: old.Since, Rights: TopicPollMessages}}}}
	w.do(EncodeDeleteTopic(nil, testTime, name2("old"), name2("t")))
	w.topic("old", "u")
	w.eve(late...)
	if w.may("old", "u") || len(w.rights()) != 1 || len(w.rights()[0].Topics) != 0 {
		t.Errorf("rights in a topic that was replaced meanwhile: %+v", w.rights())
	}
	w.do(EncodeDeleteStream(nil, testTime, name2("old")))
	w.stream("new")
	w.do(EncodeUpdatePermissions(nil, testTime, name2("eve"), &Permissions{Streams: late}))
	if len(w.rights()) != 0 || w.err != nil {
		t.Errorf("rights in a stream that was replaced meanwhile: %+v, %v", w.rights(), w.err)
	}
}

// TestRightsOfOldSnapshots: version 2 does not say for which stream rights were given. Those for what is there are kept.
func TestRightsOfOldSnapshots(t *testing.T) {
	_, old := dumps(t, "testdata/snapshot-v2.txt")
	m, err := Restore(old[0])
	if err != nil {
		t.Fatal(err)
	}
	u, err := m.Accounts.User(name2("anne"))
	want := []StreamPermissions{{Stream: 1, Since: 43, Rights: StreamRead, Topics: []TopicPermissions{}}} // topic 2 and stream 3 are not there
	if err != nil || !reflect.DeepEqual(u.Permissions.Streams, want) {
		t.Errorf("rights %+v, want %+v", u.Permissions.Streams, want)
	}
}
