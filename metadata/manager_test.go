package metadata

import (
	"errors"
	"testing"
)

// TestTheLastManagerStays: whoever is the last that can log in and manage users keeps both, and is not deleted.
func TestTheLastManagerStays(t *testing.T) {
	r := newRig(t)
	manager := &Permissions{Global: ManageUsers}
	off := func(want error, name string) {
		t.Helper()
		r.apply(want, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2(name), Status: UserInactive}))
	}
	user := func(name string, p *Permissions) {
		t.Helper()
		r.apply(nil, EncodeCreateUser(nil, testTime, CreateUser{[]byte(name), "$h", UserActive, p}))
	}
	user("root", nil)
	user("reader", &Permissions{Global: ReadUsers})
	off(ErrLastManagerOff, "root") // reader does not count
	r.apply(nil, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("root"), Name: []byte("chief"), Status: UserActive}))
	user("hrm", manager)
	off(nil, "chief")
	off(ErrLastManagerOff, "hrm")
	r.apply(ErrDeleteLastManager, EncodeDeleteUser(nil, testTime, name2("hrm")))
	r.apply(ErrLastManagerRights, EncodeUpdatePermissions(nil, testTime, name2("hrm"), nil))
	r.apply(ErrLastManagerRights, EncodeUpdatePermissions(nil, testTime, name2("hrm"), &Permissions{Global: AllRights &^ ManageUsers}))
	r.apply(nil, EncodeUpdatePermissions(nil, testTime, name2("hrm"), &Permissions{Global: AllRights}))
	user("second", manager)
	off(nil, "second")
	r.apply(ErrDeleteLastManager, EncodeDeleteUser(nil, testTime, name2("hrm"))) // second is off
	r.apply(nil, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("chief"), Status: UserActive}))
	r.apply(nil, EncodeDeleteUser(nil, testTime, name2("hrm")))
	off(ErrLastManagerOff, "chief")

	old := EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("chief"), Status: UserInactive})
	old = append(append([]byte{1}, old[1:10]...), old[10+originBytes:]...)
	r.apply(nil, old) // what version 1 accepted stays accepted
	r.apply(nil, EncodeResetPassword(nil, testTime, name2("chief"), "$new"))
	if u, err := r.m.Accounts.User(name2("chief")); err != nil || u.Status != UserActive || u.PasswordPHC != "$new" {
		t.Errorf("after the password was reset: %+v, %v", u, err)
	}
}

// TestWhatEndsSessions: Secured rises with a new password and when the user is switched off, and with nothing else.
func TestWhatEndsSessions(t *testing.T) {
	r := newRig(t)
	r.apply(nil, EncodeCreateUser(nil, testTime, CreateUser{[]byte("root"), "$h", UserActive, nil}))
	r.apply(nil, EncodeCreateUser(nil, testTime, CreateUser{[]byte("bob"), "$h", UserActive, nil}))
	r.apply(nil, EncodeCreateToken(nil, testTime, 1, 2, []byte("ci"), TokenHash{1}, 0))
	f := func(rises bool, tokens int, cmd []byte) {
		t.Helper()
		u, _ := r.m.Accounts.User(name2("bob"))
		before := u.Secured
		res := r.apply(nil, cmd)
		u, _ = r.m.Accounts.User(ByNumber(UserID(1)))
		if (u.Secured == r.m.Revision()) != rises || (u.Secured > before) != rises || (res.Secured == u.Secured) != rises || len(u.Tokens) != tokens {
			t.Errorf("secured since %d, before %d, result %d, at revision %d; %d tokens, want %d", u.Secured, before, res.Secured, r.m.Revision(), len(u.Tokens), tokens)
		}
	}
	f(false, 1, EncodeUpdatePermissions(nil, testTime, name2("bob"), &Permissions{Global: AllRights}))
	f(false, 1, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("bob"), Status: UserActive}))
	f(true, 1, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("bob"), Status: UserInactive}))
	f(false, 1, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("bob"), Status: UserInactive}))
	f(false, 1, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("bob"), Status: UserActive}))
	f(true, 1, EncodeChangePassword(nil, testTime, name2("bob"), "$h", "$1", false))
	f(true, 0, EncodeChangePassword(nil, testTime, name2("bob"), "$1", "$2", true))
	r.apply(nil, EncodeCreateToken(nil, testTime, 1, 2, []byte("ci"), TokenHash{1}, 0))
	f(true, 0, EncodeResetPassword(nil, testTime, name2("bob"), "$3"))
	if u, token := r.m.Accounts.Token(TokenHash{1}); u != nil || token != nil {
		t.Error("a token that went is found by its hash")
	}
	r.apply(ErrPassword, EncodeResetPassword(nil, testTime, name2("bob"), ""))
	if _, err := r.m.Apply(r.m.Revision()+1, EncodeResetPassword(nil, testTime, name2("nobody"), "$3")); !errors.Is(err, ErrUserNotFound) {
		t.Errorf("reset for nobody: %v", err)
	}
}
