package e2e

import (
	"context"
	le "encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/wire"
)

// TestOffsetsGoWithTheirGroup deletes a group that has stored offsets and makes one of the same name: it has none, also after an
// orderly end and after kill -9, and what the old one had stored holds no segment back.
func TestOffsetsGoWithTheirGroup(t *testing.T) {
	ctx := context.Background()
	o := options{dir: t.TempDir(), args: []string{"--shards", "2", "--journal-size", "8MiB"}}
	s := start(t, o)
	c := s.dial()
	if _, err := c.CreateStream(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	size := wire.Option{Key: []byte("segment_size"), Kind: wire.KindUint64, Value: le.LittleEndian.AppendUint64(nil, 1<<20)}
	if _, err := c.CreateTopic(ctx, wire.Named("s"), "t", 1, size); err != nil {
		t.Fatal(err)
	}
	st, tp, name := wire.Named("s"), wire.Named("t"), wire.Named("g")
	g := wire.Consumer{Kind: wire.GroupConsumer, ID: name}
	for range 400 {
		if _, err := c.Send(ctx, st, tp, 0, single(make([]byte, 10_000))); err != nil {
			t.Fatal(err)
		}
	}
	found := func() {
		t.Helper()
		if _, err := c.CreateGroup(ctx, st, tp, "g"); err != nil {
			t.Fatal(err)
		}
	}
	without := func(when string) {
		t.Helper()
		if o, err := c.GetOffset(ctx, g, st, tp, 0); !errors.Is(err, wire.StatusConsumerOffsetNotFound) {
			t.Errorf("%s the new group has stored %+v, %v", when, o, err)
		}
	}
	ends := []struct {
		what string
		end  func()
	}{{"kill -9", func() { s.Kill() }}, {"an orderly end", func() { s.stop() }}}
	for _, x := range ends {
		found()
		if err := c.JoinGroup(ctx, st, tp, name); err != nil {
			t.Fatal(err)
		}
		if err := c.StoreOffset(ctx, g, st, tp, 0, 3); err != nil {
			t.Fatal(err)
		}
		if o, err := c.GetOffset(ctx, g, st, tp, 0); err != nil || o.StoredOffset != 3 {
			t.Fatal(o, err)
		}
		if err := c.DeleteGroup(ctx, st, tp, name); err != nil {
			t.Fatal(err)
		}
		found()
		without("before " + x.what)
		x.end()
		s = start(t, o)
		c = s.dial()
		without("after " + x.what)
		if err := c.DeleteGroup(ctx, st, tp, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.DeleteSegments(ctx, st, tp, 0, 1000); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		d, err := c.GetTopic(ctx, st, tp)
		if err != nil {
			t.Fatal(err)
		}
		if d.Partitions[0].SegmentsCount == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d segments are left: an offset of a group that is gone holds them back", d.Partitions[0].SegmentsCount)
		}
	}
}
