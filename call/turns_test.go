package call

import (
	"slices"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// TestBalancedSendsTakeTurnsByTopic: each topic has its own round, which begins at partition 0, also one of the same number as another
// that is gone.
func TestBalancedSendsTakeTurnsByTopic(t *testing.T) {
	g := newRig(t, nil)
	s := metadata.ByName([]byte("s"))
	add := func(name string) {
		g.apply(metadata.EncodeCreateTopic(nil, 1, metadata.CreateTopic{Stream: s, Name: []byte(name), Partitions: 2}))
	}
	add("a")
	add("b")
	next := func(name string) uint32 {
		p, err := g.r.choose(&wire.SendMessages{Stream: stream, Topic: wire.Named(name), Partitioning: wire.Partitioning{Kind: wire.Balanced}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var a, b []uint32
	for range 3 {
		a, b = append(a, next("a")), append(b, next("b"))
	}
	if want := []uint32{0, 1, 0}; !slices.Equal(a, want) || !slices.Equal(b, want) {
		t.Errorf("partitions %v and %v", a, b)
	}
	g.apply(metadata.EncodeDeleteTopic(nil, 1, s, metadata.ByName([]byte("a"))))
	add("a")
	if p := next("a"); p != 0 {
		t.Errorf("the first send to a new topic goes to partition %d", p)
	}
}

// TestDiskFullIsSaidOnce a minute, and that there is room again when nothing was refused for a second.
func TestDiskFullIsSaidOnce(t *testing.T) {
	var d diskFull
	const second, minute = int64(time.Second), int64(time.Minute)
	if d.stored(1) {
		t.Error("there is room again, and there always was")
	}
	if !d.refused(second) || d.refused(2*second) || d.refused(minute) || !d.refused(minute+2*second) {
		t.Error("a full disk is said once a minute")
	}
	if d.stored(minute+2*second+second/2) || !d.stored(minute+4*second) || d.stored(minute+5*second) {
		t.Error("that there is room is said once, and when nothing was refused for a second")
	}
}
