package owner

import (
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// grouped is a rig with a topic of two partitions, of one record each, and a group.
type grouped struct {
	*rig
	topic *metadata.Topic
	group metadata.GroupID
}

func newGrouped(t *testing.T) *grouped {
	x := &grouped{rig: newRig(t, nil)}
	x.topic = x.rig.topic("a", 2)
	x.apply(metadata.EncodeCreateGroup(nil, 1, nameOfStream, named("a"), []byte("g")))
	g, err := x.m.Group(nameOfStream, named("a"), named("g"))
	if err != nil {
		t.Fatal(err)
	}
	x.group = g.ID
	x.send(x.topic, 0, 1)
	x.send(x.topic, 1, 1)
	return x
}

func (x *grouped) join(key byte) metadata.Result {
	return x.apply(metadata.EncodeJoinGroup(nil, 1, nameOfStream, named("a"), named("g"), metadata.MemberKey{key}))
}

// by makes a part one of a member of the group.
func (x *grouped) by(key byte, p *Part) *Part {
	p.Member = Membership{Group: x.group, Key: metadata.MemberKey{key}}
	p.Consumer = storage.ConsumerKey{Group: true, ID: uint32(x.group)}
	return p
}

func (x *grouped) polled(key byte, partition int) *Part {
	x.t.Helper()
	p := x.by(key, x.poll(x.topic, partition, 0))
	x.start(p)
	x.o.store.Release(&p.Request)
	return p
}

func (x *grouped) stores(key byte, partition int, offset uint64) error {
	x.t.Helper()
	p := x.by(key, x.part(x.topic, partition, storage.ReqStoreOffset))
	p.Value = offset
	x.start(p)
	return p.Err
}

// moving is the hand-over that a command has begun.
func (x *grouped) moving(res metadata.Result) *metadata.Handover {
	x.t.Helper()
	if len(res.Pending) != 1 {
		x.t.Fatalf("%d hand-overs begin, want one", len(res.Pending))
	}
	return &res.Pending[0]
}

// TestAHandOverWaitsForWhatWasDelivered: a partition with something in flight changes hands when its member has stored that, and nobody else may
// ask of it meanwhile.
func TestAHandOverWaitsForWhatWasDelivered(t *testing.T) {
	x := newGrouped(t)
	x.join(1)
	for partition := range 2 {
		if p := x.polled(1, partition); p.Err != nil || p.Records != 1 {
			t.Fatalf("the only member's poll: %d records, %v", p.Records, p.Err)
		}
	}
	if p := x.polled(2, 0); p.Err != storage.ErrNotOwned {
		t.Errorf("a poll of who is no member: %v", p.Err)
	}
	h := x.moving(x.join(2))
	at := int(h.Partition)
	if x.o.Completes(h) {
		t.Error("what was delivered is not stored, and the hand-over can be completed")
	}
	if p := x.polled(1, at); p.Err != storage.ErrNotOwned {
		t.Errorf("a poll of a partition that is on its way: %v", p.Err)
	}
	if err := x.stores(2, at, 0); err != storage.ErrNotOwned {
		t.Errorf("an offset stored by the next member: %v", err)
	}
	if x.o.Handovers() {
		t.Error("a hand-over can be completed before anything is stored")
	}
	if err := x.stores(1, at, 0); err != nil {
		t.Fatal(err)
	}
	if list := x.o.TakeHandovers(); len(list) != 1 || list[0] != *h || x.o.Handovers() || !x.o.Completes(h) {
		t.Fatalf("hand-overs that can be completed: %v, want %v; completes: %v", list, *h, x.o.Completes(h))
	}
	x.apply(metadata.EncodeHandOver(nil, 1, []metadata.Handover{*h}))
	if p := x.polled(2, at); p.Err != nil || p.Records != 1 {
		t.Errorf("the next member's poll: %d records, %v", p.Records, p.Err)
	}
	if x.o.Completes(h) {
		t.Error("a hand-over is completed twice")
	}
}

// TestNothingDeliveredHandsOverAtOnce: nobody has polled, or the last one to is another member.
func TestNothingDeliveredHandsOverAtOnce(t *testing.T) {
	x := newGrouped(t)
	x.join(1)
	if h := x.moving(x.join(2)); !x.o.Completes(h) {
		t.Error("nothing was delivered, and the hand-over waits")
	}
}

// TestAPollInFlightLosesItsPartition: its records are there when the partition is another member's, and none of them is delivered.
func TestAPollInFlightLosesItsPartition(t *testing.T) {
	x := newGrouped(t)
	x.join(1)
	p := x.by(1, x.poll(x.topic, 0, 0))
	x.o.fences.admit(p)
	p.Records = 1
	if !x.o.fences.deliver(&p.Request) {
		t.Fatal("the owner's poll is refused")
	}
	x.o.forget(p.Log)
	h := x.moving(x.join(2))
	x.apply(metadata.EncodeHandOver(nil, 1, []metadata.Handover{*h}))
	p = x.by(1, x.poll(x.topic, int(h.Partition), 0))
	p.Records = 1
	if x.o.fences.deliver(&p.Request) || len(x.o.fences.sent) != 0 {
		t.Errorf("a poll of who has lost the partition is delivered; %d logs have deliveries", len(x.o.fences.sent))
	}
}

// TestAPollThatOutlivesItsLogLeavesNothing: the topic is purged while the poll reads from the disk. It ends with its records, and nothing is kept
// for a log that is gone.
func TestAPollThatOutlivesItsLogLeavesNothing(t *testing.T) {
	x := newGrouped(t)
	x.join(1)
	p := x.by(1, x.poll(x.topic, 0, 0))
	if !x.o.fences.admit(p) {
		t.Fatal("the owner's poll is refused")
	}
	p.Log, p.Records = 1000, 1
	if !x.o.fences.deliver(&p.Request) || len(x.o.fences.sent) != 0 {
		t.Errorf("%d logs have deliveries", len(x.o.fences.sent))
	}
}

// TestADroppedGroupLeavesNoOffsets: what it stored is gone, and what was delivered is forgotten.
func TestADroppedGroupLeavesNoOffsets(t *testing.T) {
	x := newGrouped(t)
	x.join(1)
	x.polled(1, 0)
	if err := x.stores(1, 0, 0); err != nil {
		t.Fatal(err)
	}
	log := storage.LogID(x.topic.Partitions[0].Log)
	key := storage.ConsumerKey{Group: true, ID: uint32(x.group)}
	if _, stored := x.o.store.Log(log).StoredOffset(key); !stored {
		t.Fatal("nothing is stored")
	}
	res := x.apply(metadata.EncodeDeleteGroup(nil, 1, nameOfStream, named("a"), named("g")))
	x.o.DropOffsets(&res.DroppedGroups[0])
	if _, stored := x.o.store.Log(log).StoredOffset(key); stored || len(x.o.fences.sent[log]) != 0 {
		t.Errorf("the offset is there: %v; %d deliveries are", stored, len(x.o.fences.sent[log]))
	}
	x.turn(0, nil)
}
