package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// TestDiskFullForMetadata fills a disk to the last byte and then the journal's room for metadata with commands on users, until
// they are refused. Commands on users, tokens and groups are done or refused by name, and a refused one leaves nothing. A member
// whose connection closes meanwhile loses its place when there is room again; then all commands are done again. What was told
// is there after kill -9 on the full disk.
func TestDiskFullForMetadata(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		t.Parallel() // most of the time is the broker's pause between two snapshots
		d := &metadataOnFullDisk{t: t, rng: random(t), disk: smallDisk(t, 48)}
		o := options{dir: d.disk + "/data", args: append(args, "--shards", "2", "--journal-size", "8MiB")}
		d.begin(start(t, o))
		if done, refused := d.some(60); refused > 0 {
			t.Errorf("%d of %d commands are refused when there is room", refused, done+refused)
		}
		d.verify()
		stays, goes := d.join(), d.join()

		fillFile(t, d.disk+"/filler", -1)
		d.exhaust()
		done, refused := d.some(200)
		t.Logf("on the full disk %d commands are done, or there is nothing to do, and %d refused", done, refused)
		if refused == 0 {
			t.Error("no command is refused when there is room neither in the journal nor for a snapshot")
		}
		d.verify()
		d.attend(stays)
		goes.Close()
		eventually(t, "it is tried to end a membership", func() bool { return len(d.s.lines("keeps its place")) > 0 })
		d.members(2)

		if err := os.Remove(d.disk + "/filler"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the membership ends", func() bool { return d.membersCount() == 1 })
		if done, refused := d.some(60); refused > 0 {
			t.Errorf("%d of %d commands are refused when there is room again", refused, done+refused)
		}
		d.attend(stays)
		d.verify()

		fillFile(t, d.disk+"/filler", -1)
		d.exhaust()
		d.some(30)
		d.s.Kill()
		d.serve(start(t, o))
		d.verify()
		d.members(0)
		d.offset()
		d.s.stop()
	})
}

// metadataOnFullDisk is a broker and what it was told of users, tokens and groups.
type metadataOnFullDisk struct {
	t     *testing.T
	rng   *rand.Rand
	disk  string
	s     *server
	c     *client.Client
	h     *history
	l     *load
	heavy *accountSlot // a user with many rights
	last  uint64       // offset that was stored last for the group
}

// attended is a group that stays; those of the history come and go.
var attended = wire.Named("attended")

func (d *metadataOnFullDisk) begin(s *server) {
	d.h = &history{topics: []*topic{{name: "changing", level: persisted, offsetLevel: persisted, partitions: 2, segmentBytes: 1 << 20, state: live}}, accounts: newAccounts()}
	d.serve(s)
	newTopic(d.t, d.c, streamName, "changing", 2)
	newTopic(d.t, d.c, streamName, "attended", 1)
	_, err := d.c.CreateGroup(context.Background(), stream(), attended, "attended")
	for range 2 {
		if err == nil {
			_, err = d.c.Send(context.Background(), stream(), attended, 0, single([]byte("for the group")))
		}
	}
	d.heavy = d.h.accounts.slots[accountSlots]
	if err == nil {
		err = d.h.accounts.create(context.Background(), d.c, d.rng, d.heavy)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *metadataOnFullDisk) serve(s *server) {
	d.s, d.c = s, s.dial()
	d.l = &load{h: d.h, address: s.Address, ctx: context.Background(), failed: make(chan error, 1)}
}

// some gives so many commands, and says how many were done, or had nothing to do, and how many refused for lack of room.
func (d *metadataOnFullDisk) some(n int) (done, refused int) {
	d.t.Helper()
	for range n {
		var err error
		if d.rng.IntN(2) == 0 {
			err = d.l.arrangeOne(d.c, d.rng, d.h.topics[0], d.rng.IntN(groupSlots))
		} else {
			x := d.h.accounts.slots[d.rng.IntN(accountSlots)] // but the heavy one
			err = d.h.accounts.command(context.Background(), d.c, d.s.Address, d.rng, x)
		}
		switch {
		case err == nil:
			done++
		case errors.Is(err, wire.StatusCannotSaveMessagesToSegment):
			refused++
		default:
			d.t.Fatalf("%v\n%s", err, tail(d.s.Log()))
		}
	}
	return done, refused
}

// exhaust takes the room that the journal has for metadata.
func (d *metadataOnFullDisk) exhaust() {
	d.t.Helper()
	x := d.heavy
	for _, streams := range []int{2000, 50, 0} {
		for i := 0; ; i++ {
			if i == 10_000 {
				d.t.Fatal("the journal takes metadata without end")
			}
			rights := &wire.Permissions{Global: uint16(i % 1024), Streams: make([]wire.StreamPermissions, streams)}
			for k := range rights.Streams {
				rights.Streams[k] = wire.StreamPermissions{ID: uint32(k), Rights: uint8(i % 64)}
			}
			err := x.change(x.is.with(func(u *account) { u.rights = rights }), func() error {
				return d.c.UpdatePermissions(context.Background(), x.is.ident(), rights)
			})
			if errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
				break
			}
			if err != nil {
				d.t.Fatalf("%v\n%s", err, tail(d.s.Log()))
			}
		}
	}
}

// verify compares what there is with what was told.
func (d *metadataOnFullDisk) verify() {
	d.t.Helper()
	err := d.h.verifyGroups(d.c)
	if err == nil {
		err = d.h.accounts.verify(d.c, d.s.Address)
	}
	if err != nil {
		d.t.Fatalf("%v\n%s", err, tail(d.s.Log()))
	}
}

func (d *metadataOnFullDisk) join() *client.Client {
	d.t.Helper()
	c := d.s.dial()
	if err := c.JoinGroup(context.Background(), stream(), attended, attended); err != nil {
		d.t.Fatal(err)
	}
	return c
}

// attend polls and stores as the member that has the partition.
func (d *metadataOnFullDisk) attend(c *client.Client) {
	d.t.Helper()
	who := wire.Consumer{Kind: wire.GroupConsumer, ID: attended}
	p, err := c.Poll(context.Background(), wire.PollMessages{Consumer: who, Stream: stream(), Topic: attended, Partition: wire.InPartition(0),
		Strategy: wire.Strategy{Kind: wire.FromFirst}, Count: 10})
	if err != nil || p.Count != 2 {
		d.t.Errorf("a member polls %d messages of 2, %v", p.Count, err)
	}
	d.last = 1 - d.last
	if err := c.StoreOffset(context.Background(), who, stream(), attended, 0, d.last); err != nil {
		d.t.Errorf("a member stores an offset: %v", err)
	}
	d.offset()
}

func (d *metadataOnFullDisk) offset() {
	d.t.Helper()
	o, err := d.c.GetOffset(context.Background(), wire.Consumer{Kind: wire.GroupConsumer, ID: attended}, stream(), attended, 0)
	if err != nil || o.StoredOffset != d.last {
		d.t.Errorf("the group has offset %d stored, not %d, %v", o.StoredOffset, d.last, err)
	}
}

func (d *metadataOnFullDisk) membersCount() uint32 {
	d.t.Helper()
	g, err := d.c.GetGroup(context.Background(), stream(), attended, attended)
	if err != nil || int(g.MembersCount) != len(g.Members) {
		d.t.Fatal(fmt.Errorf("%+v, %w", g, err))
	}
	return g.MembersCount
}

func (d *metadataOnFullDisk) members(want uint32) {
	d.t.Helper()
	if n := d.membersCount(); n != want {
		d.t.Errorf("the group has %d members, not %d", n, want)
	}
}
