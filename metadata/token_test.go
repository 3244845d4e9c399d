package metadata

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// userRig has root, anna and otto, made at the revisions 1, 2 and 3.
func userRig(t testing.TB) *rig {
	r := newRig(t)
	for _, name := range []string{"root", "anna", "otto"} {
		r.apply(nil, EncodeCreateUser(nil, testTime, CreateUser{[]byte(name), "$h", UserActive, nil}))
	}
	return r
}

func (r *rig) token(want error, user UserID, since uint64, name string, hash byte, expiresAt Micros) {
	r.t.Helper()
	r.apply(want, EncodeCreateToken(nil, testTime, user, since, []byte(name), TokenHash{hash}, expiresAt))
}

func TestTokens(t *testing.T) {
	r := userRig(t)
	r.token(ErrTokenName, 1, 2, "", 1, 0)
	r.token(ErrTokenName, 1, 2, strings.Repeat("x", 256), 1, 0)
	r.token(ErrTokenName, 1, 2, "\xff", 1, 0)
	r.token(ErrUserNotFound, 9, 2, "ci", 1, 0)
	r.token(ErrUserNotFound, 1, 3, "ci", 1, 0) // otto's revision
	r.token(nil, 1, 2, "ci", 1, 0)
	r.token(ErrTokenExists, 1, 2, "ci", 2, 0)
	r.token(ErrTokenHash, 1, 2, "cd", 1, 0)
	r.token(ErrTokenHash, 2, 3, "ci", 1, 0)
	r.token(nil, 2, 3, "ci", 2, testTime+5) // names are each user's own
	r.token(nil, 1, 2, strings.Repeat("x", 255), 3, 0)

	u, token := r.m.Accounts.Token(TokenHash{2})
	if u == nil || u.Name != "otto" || token.Name != "ci" || token.ExpiresAt != testTime+5 || token.CreatedAt != testTime {
		t.Fatalf("token 2 is %+v of %+v", token, u)
	}
	if u, token := r.m.Accounts.Token(TokenHash{9}); u != nil || token != nil {
		t.Fatalf("an unknown hash finds %+v of %+v", token, u)
	}
	r.apply(ErrTokenNotFound, EncodeDeleteToken(nil, testTime, 1, 2, []byte("cd")))
	r.apply(ErrUserNotFound, EncodeDeleteToken(nil, testTime, 1, 1, []byte("ci")))
	r.apply(nil, EncodeDeleteToken(nil, testTime, 1, 2, []byte("ci")))
	if u, _ := r.m.Accounts.Token(TokenHash{1}); u != nil {
		t.Fatal("a deleted token is found")
	}
	r.token(nil, 1, 2, "ci", 1, 0) // name and hash are free again
}

func TestTokensDieWithTheirUser(t *testing.T) {
	r := userRig(t)
	r.token(nil, 1, 2, "ci", 1, 0)
	r.token(nil, 2, 3, "ci", 2, 0)
	r.apply(nil, EncodeUpdateUser(nil, testTime, UpdateUser{User: name2("anna"), Name: []byte("anne")}))
	if u, _ := r.m.Accounts.Token(TokenHash{1}); u == nil || u.Name != "anne" {
		t.Fatalf("after a rename the token belongs to %+v", u)
	}
	r.apply(nil, EncodeDeleteUser(nil, testTime, name2("anne")))
	if u, _ := r.m.Accounts.Token(TokenHash{1}); u != nil {
		t.Fatalf("the token of a deleted user belongs to %+v", u)
	}
	again := r.apply(nil, EncodeCreateUser(nil, testTime, CreateUser{[]byte("anna"), "$h", UserActive, nil}))
	if again.User != 1 {
		t.Fatalf("user id %d, want 1 again", again.User)
	}
	if _, err := r.m.Accounts.UserSince(1, 2); !errors.Is(err, ErrUserNotFound) {
		t.Fatalf("the first user 1: %v, want %v", err, ErrUserNotFound)
	}
	u, err := r.m.Accounts.UserSince(1, r.m.Revision())
	if err != nil || u.Name != "anna" || len(u.Tokens) != 0 {
		t.Fatalf("the second user 1 is %+v, %v", u, err)
	}
	r.token(ErrUserNotFound, 1, 2, "ci", 1, 0)
	r.token(nil, 1, u.Since, "ci", 1, 0)
}

func TestTokensExpire(t *testing.T) {
	r := userRig(t)
	expire := func(at Micros, left, next Micros) {
		t.Helper()
		r.apply(nil, EncodeExpireTokens(nil, at))
		got := Micros(0)
		for u := range r.m.Accounts.Users() {
			got += Micros(len(u.Tokens))
		}
		if got != left || r.m.Accounts.TokensExpireAt() != next {
			t.Fatalf("%d tokens left, the next expires at %d; want %d, %d", got, r.m.Accounts.TokensExpireAt(), left, next)
		}
	}
	expire(testTime, 0, 0)
	r.token(nil, 0, 1, "never", 1, 0)
	if got := r.m.Accounts.TokensExpireAt(); got != 0 {
		t.Fatalf("next expiry %d with a token that never expires", got)
	}
	r.token(nil, 0, 1, "ten", 2, 10)
	r.token(nil, 0, 1, "twenty", 3, 20)
	r.token(nil, 1, 2, "ten", 4, 10)
	r.token(nil, 1, 2, "eleven", 5, 11)
	if got := mustRestore(t, r.m).Accounts.TokensExpireAt(); got != 10 {
		t.Fatalf("next expiry %d after a restore, want 10", got)
	}
	expire(9, 5, 10)
	expire(10, 3, 11)
	r.apply(nil, EncodeDeleteToken(nil, testTime, 1, 2, []byte("eleven")))
	expire(11, 2, 20)
	expire(1000, 1, 0)
	if u, token := r.m.Accounts.Token(TokenHash{1}); u == nil || token.Name != "never" {
		t.Fatalf("left: %+v", token)
	}
}

func TestTokensPerUserAreBounded(t *testing.T) {
	r := userRig(t)
	r.huge = true
	for i := range TokensMax {
		r.apply(nil, EncodeCreateToken(nil, testTime, 1, 2, fmt.Append(nil, i), TokenHash{1, byte(i), byte(i >> 8)}, 0))
	}
	r.token(ErrTooManyTokens, 1, 2, "one more", 2, 0)
	r.token(nil, 2, 3, "another's", 2, 0)
	mustRestore(t, r.m)
}

func TestTokenLookUpDoesNotAllocate(t *testing.T) {
	r := userRig(t)
	r.token(nil, 1, 2, "ci", 1, 0)
	allocs := testing.AllocsPerRun(100, func() {
		u, _ := r.m.Accounts.Token(TokenHash{1})
		none, _ := r.m.Accounts.Token(TokenHash{2})
		if u == nil || none != nil {
			t.Fatal("token look-up fails")
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations per look-up, want none", allocs)
	}
}
