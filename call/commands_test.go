package call

import (
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// TestCommandWithoutActionIsRefusedAtTheStart: the table is checked when the process starts.
func TestCommandWithoutActionIsRefusedAtTheStart(t *testing.T) {
	refused := func(k command) (yes bool) {
		defer func() { yes = recover() != nil }()
		k.check(wire.CodePing)
		return false
	}
	if !refused(command{handle: getStats}) || !refused(command{session: true}) || !refused(command{handle: ping, session: true, actions: 2}) {
		t.Error("a row without action or handler, or with an action too many, was taken")
	}
	if refused(command{handle: getStats, actions: may(metadata.ActionGetStats)}) || refused(command{handle: ping, session: true}) {
		t.Error("a sound row was refused")
	}
}

// TestCodeBeyondTheTableIsUnknown.
func TestCodeBeyondTheTableIsUnknown(t *testing.T) {
	for code, want := range map[wire.Code]wire.Status{codeMax + 1: wire.StatusInvalidCommand, 1<<32 - 1: wire.StatusInvalidCommand,
		codeMax: wire.StatusFeatureUnavailable, 0: wire.StatusFeatureUnavailable, wire.CodePing: wire.StatusOK} {
		if _, got := commandOf(code); got != want {
			t.Errorf("code %d: status %d, want %d", code, got, want)
		}
	}
}
