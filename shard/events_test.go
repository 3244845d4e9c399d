package shard

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestEventsAreBoundedByKind: of each kind so many lines a second are written; the next one says how many were not; what the level
// leaves out costs nothing and counts as nothing.
func TestEventsAreBoundedByKind(t *testing.T) {
	core, logged := observer.New(zapcore.InfoLevel)
	at := &clock{}
	s := &reports{log: zap.New(core), clock: at}
	tell := func(k eventKind, times int) (told int) {
		for range times {
			if s.due(k) {
				s.logEvent(k)
				told++
			}
		}
		return told
	}
	most := int(eventTable[evLoginFailed].perSecond)
	if n := tell(evLoginFailed, most+7); n != most {
		t.Errorf("%d lines of a kind in a moment, want %d", n, most)
	}
	if n := tell(evLogin, 3); n != 3 {
		t.Errorf("%d of 3 lines of another kind", n)
	}
	if n := tell(evConnectionOpened, 3); n != 0 || s.rates[evConnectionOpened].suppressed != 0 {
		t.Errorf("%d lines below the level, %d counted", n, s.rates[evConnectionOpened].suppressed)
	}
	at.mono += int64(time.Second) + 1
	tell(evLoginFailed, 1)
	lines := logged.FilterField(zap.String("event", "login_failed")).All()
	if last := lines[len(lines)-1].ContextMap(); last["suppressed"] != uint64(7) {
		t.Errorf("the line after the bound has %v, want 7 suppressed", last)
	}
	if n := testing.AllocsPerRun(100, func() { s.due(evConnectionOpened) }); n != 0 {
		t.Errorf("an event that is not logged allocates %v times", n)
	}
}

// Every kind has a name, a rate and words.
func TestEventTableIsWhole(t *testing.T) {
	for k, row := range eventTable {
		if row.name == "" || row.perSecond == 0 || row.text == "" {
			t.Errorf("event kind %d: %+v", k, row)
		}
	}
}
