package control

import (
	"flag"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/metadata"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the only seed of the random tests; 0: new ones")
	seedsFlag = flag.Int("seeds", 200, "how many new seeds the random tests take")
)

// TestAnyOrderOfOutcomes drives a room by proposals, news and outcomes in any order, some of them errors. Commands are made safe in order
// without a hole, each is answered once, when it is everywhere and the logs that it has retired are closed, and all replicas are
// equal.
func TestAnyOrderOfOutcomes(t *testing.T) {
	first, n := uint64(time.Now().UnixNano()), *seedsFlag
	if *seedFlag != 0 {
		first, n = *seedFlag, 1
	}
	answered, refused := 0, 0
	for i := range uint64(n) {
		seed := first + i
		t.Run("", func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("seed %d: %v", seed, p)
					panic(p)
				}
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			w := newWorld(t, seed)
			w.failing = w.r.IntN(30)
			for range 400 {
				w.act()
			}
			w.settle()
			answered, refused = answered+w.answered, refused+w.refused
		})
	}
	if answered < 50*n || refused == 0 || refused > answered*9/10 {
		t.Errorf("%d commands were answered in %d worlds, %d refused: this proves little", answered, n, refused)
	}
}

// TestWaitingCommandIsJudgedWhenItsTurnComes: the limit is reached while a command waits.
func TestWaitingCommandIsJudgedWhenItsTurnComes(t *testing.T) {
	w := newWorld(t, 1)
	w.room.cfg.Limits.Streams = 1
	var proposals []*metadata.Proposal
	for _, name := range []string{"a", "b", "a"} {
		p := &metadata.Proposal{Command: metadata.EncodeCreateStream(nil, 5, []byte(name)), Quota: &metadata.QuotaOfStreams, Demand: metadata.Demand{Name: []byte(name)},
			Judgement: metadata.Judgement{Subject: metadata.Subject{Since: 1, Secured: 1}, Action: metadata.ActionCreateStream}}
		proposals = append(proposals, p)
		w.given[p] = true
		w.step(Event{Kind: EventProposed, Proposal: p})
	}
	w.settle()
	for i, want := range []error{nil, metadata.ErrTooManyStreams, metadata.ErrStreamNameExists} {
		if err := proposals[i].Err; err != want {
			t.Errorf("command %d: %v, want %v", i, err, want)
		}
	}
}
