package shard

import (
	"errors"
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// TestNobodyMayDoNothing: a judgement that nobody filled in is no one's, and least of all the broker's.
func TestNobodyMayDoNothing(t *testing.T) {
	m := metadata.New()
	if _, err := m.Apply(1, metadata.EncodeCreateUser(nil, 1, metadata.CreateUser{Name: []byte("root"), PasswordPHC: "$h", Status: metadata.UserActive})); err != nil {
		t.Fatal(err)
	}
	for _, a := range append(metadata.Actions(), 0) {
		nobody := judgement{action: a}
		if err := nobody.pass(m); err == nil {
			t.Errorf("nobody may %v", a)
		}
		root := judgement{action: a, subject: subject{user: metadata.RootID}}
		if err := root.pass(m); err == nil {
			t.Errorf("root's number without the revision of root may %v", a)
		}
	}
	none := judgement{subject: subject{user: metadata.RootID, since: 1, secured: 1}}
	if err := none.pass(m); !errors.Is(err, wire.StatusUnauthorized) {
		t.Errorf("root with no action: %v, want %v", err, wire.StatusUnauthorized)
	}
	if broker := (judgement{broker: true}); broker.pass(m) != nil {
		t.Error("the broker itself is refused")
	}
}

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
