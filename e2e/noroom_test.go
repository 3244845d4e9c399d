package e2e

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/galgo-mq/galgo/wire"
)

// TestAStartWithoutRoom has a start find neither room nor the reserve that is kept for it: others have used that up. It serves what there
// is, takes deletions, which hold through kill -9, and starts in order by itself when there is room.
func TestAStartWithoutRoom(t *testing.T) {
	for name, fs := range map[string]struct {
		mib  int64
		mkfs []string
	}{
		"ext4":  {96, []string{"mkfs.ext4", "-q", "-F", "-m", "0"}},
		"XFS":   {320, []string{"mkfs.xfs", "-q", "-f"}},
		"btrfs": {140, []string{"mkfs.btrfs", "-q", "-f"}},
	} {
		t.Run(name, func(t *testing.T) { testStartWithoutRoom(t, smallDiskOf(t, fs.mib, fs.mkfs...)) })
	}
}

func testStartWithoutRoom(t *testing.T, disk string) {
	rng, ctx := random(t), context.Background()
	o := options{dir: disk + "/data", args: []string{"--shards", "2", "--journal-size", "8MiB", "--memory", "128MiB"}} // the least for two shards
	s := start(t, o)
	defer func() { s.Kill() }()
	c := s.dial()
	for _, topic := range []string{"kept", "victim", "other"} {
		newTopic(t, c, "full", topic, 2)
	}
	ws := &writers{t: t}
	for part := range uint32(2) {
		ws.all = append(ws.all, &writer{topic: "kept", part: part, sizeMax: 30_000}, &writer{topic: "victim", part: part, sizeMax: 100_000}, &writer{topic: "other", part: part, sizeMax: 100_000})
	}
	ws.some(s, rng, 60)
	s.stop() // a start after kill -9 finds room in what was allocated ahead for segments
	s = start(t, o)
	s.Kill()
	noRoom(t, disk)

	s = start(t, o)
	s.says("started_without_room")
	ws.verify(s, false)
	c = s.dial()
	if _, err := c.Send(ctx, wire.Named("full"), wire.Named("kept"), 0, single([]byte("x"))); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Errorf("a message is sent: %v", err)
	}
	if _, err := c.CreateStream(ctx, "new"); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Errorf("a stream is created: %v", err)
	}
	if err := c.DeleteSegments(ctx, wire.Named("full"), wire.Named("kept"), 0, 1); !errors.Is(err, wire.StatusCannotSaveMessagesToSegment) {
		t.Errorf("segments are deleted, and would come back: %v", err)
	}
	if err := c.DeleteTopic(ctx, wire.Named("full"), wire.Named("victim")); err != nil {
		t.Fatalf("a topic can't be deleted: %v\n%s", err, tail(s.Log()))
	}
	ws.without("victim")
	s.Kill() // before it starts in order, mostly

	noRoom(t, disk)
	s = start(t, o)
	s.says(`"event": "recovered"`)
	eventually(t, "a second topic is deleted", func() bool { // the server may start in order meanwhile: the files of the first one go
		c, err := login(s.Address)
		if err != nil {
			return false
		}
		defer c.Close()
		err = c.DeleteTopic(ctx, wire.Named("full"), wire.Named("other"))
		return err == nil || errors.Is(err, wire.StatusTopicIDNotFound)
	})
	ws.without("other")
	if len(s.lines("started_without_room")) > 0 { // what was deleted is enough
		s.says("room_to_start")
		eventually(t, "the server starts in order", func() bool { return len(s.lines(`"event": "recovered"`)) == 2 })
	}
	ws.verify(s, false)
	if _, err := s.dial().GetTopic(ctx, wire.Named("full"), wire.Named("victim")); !errors.Is(err, wire.StatusTopicIDNotFound) {
		t.Errorf("what was deleted without room is there after kill -9: %v", err)
	}
	if err := os.Remove(disk + "/filler"); err != nil {
		t.Fatal(err)
	}
	ws.some(s, rng, 70)
	ws.verify(s, false)
	s.Kill()
	s = start(t, o)
	ws.verify(s, false)
	if _, err := s.dial().GetTopic(ctx, wire.Named("full"), wire.Named("victim")); !errors.Is(err, wire.StatusTopicIDNotFound) {
		t.Errorf("the topic that was deleted is there again: %v", err)
	}
	if s.stop(); len(s.lines("fenced"))+len(s.lines("damaged"))+len(s.lines("journal failed")) > 0 {
		t.Errorf("something failed:\n%s", tail(s.Log()))
	}
}

// noRoom fills the disk, the reserve's space included. No server runs.
func noRoom(t *testing.T, disk string) {
	t.Helper()
	if err := os.Remove(disk + "/data/state/reserve"); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	_ = os.Remove(disk + "/filler")
	command(t, "sync", "-f", disk)
	fillFile(t, disk+"/filler", -1)
}

// without forgets the writers of a topic.
func (ws *writers) without(topic string) {
	var left []*writer
	for _, w := range ws.all {
		if w.topic != topic {
			left = append(left, w)
		}
	}
	ws.all = left
}
