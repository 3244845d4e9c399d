package metadata

import (
	"errors"
	"testing"
)

// TestNobodyMayDoNothing: a judgement that nobody filled in is no one's, and least of all the broker's.
func TestNobodyMayDoNothing(t *testing.T) {
	m := New()
	if _, err := m.Apply(1, EncodeCreateUser(nil, 1, CreateUser{Name: []byte("root"), PasswordPHC: "$h", Status: UserActive})); err != nil {
		t.Fatal(err)
	}
	for _, a := range append(Actions(), 0) {
		nobody := Judgement{Action: a}
		if err := nobody.Pass(m); err == nil {
			t.Errorf("nobody may %v", a)
		}
		root := Judgement{Action: a, Subject: Subject{User: RootID}}
		if err := root.Pass(m); err == nil {
			t.Errorf("root's number without the revision of root may %v", a)
		}
	}
	none := Judgement{Subject: Subject{User: RootID, Since: 1, Secured: 1}}
	if err := none.Pass(m); !errors.Is(err, ErrForbidden) {
		t.Errorf("root with no action: %v, want %v", err, ErrForbidden)
	}
	if broker := (Judgement{Broker: true}); broker.Pass(m) != nil {
		t.Error("the broker itself is refused")
	}
}
