package metadata

import "slices"

// Token is a personal access token: whoever shows the text that has this hash is logged in as its owner. The text itself
// is not kept.
type Token struct {
	Name      string
	Hash      TokenHash
	ExpiresAt Micros // 0: never
	CreatedAt Micros
}

// TokenHash is the SHA-256 of a token's text.
type TokenHash = [32]byte

// Token finds a token by its hash, and its owner; nil if it is unknown. Whether it has expired and whether the owner is
// active the caller judges. It does not allocate.
func (a *Accounts) Token(hash TokenHash) (*User, *Token) {
	u := a.tokens[hash]
	if u == nil {
		return nil, nil
	}
	return u, &u.Tokens[slices.IndexFunc(u.Tokens, func(t Token) bool { return t.Hash == hash })]
}

// TokensExpireAt is a moment before which no token expires, 0 if none ever does: until then EncodeExpireTokens has nothing
// to do. It may be too early when a token was deleted.
func (a *Accounts) TokensExpireAt() Micros { return a.tokensExpireAt }

func (a *Accounts) createToken(c *command) (Result, error) {
	id, since, name, hash, expiresAt := UserID(c.u32()), c.u64(), c.text(), c.hash(), Micros(c.u64())
	if !c.whole() {
		return Result{}, ErrCommand
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrTokenName
	}
	u, err := a.UserSince(id, since)
	if err != nil {
		return Result{}, err
	}
	switch {
	case u.tokenIndex(name) >= 0:
		return Result{}, ErrTokenExists
	case len(u.Tokens) == TokensMax:
		return Result{}, ErrTooManyTokens
	case a.tokens[hash] != nil:
		return Result{}, ErrTokenHash
	}
	a.resize(u, func() {
		a.addToken(u, Token{Name: string(name), Hash: hash, ExpiresAt: expiresAt, CreatedAt: c.at})
	})
	return Result{User: id}, nil
}

func (a *Accounts) deleteToken(c *command) (Result, error) {
	id, since, name := UserID(c.u32()), c.u64(), c.text()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	u, err := a.UserSince(id, since)
	if err != nil {
		return Result{}, err
	}
	i := u.tokenIndex(name)
	if i < 0 {
		return Result{}, ErrTokenNotFound
	}
	delete(a.tokens, u.Tokens[i].Hash)
	a.resize(u, func() { u.Tokens = slices.Delete(u.Tokens, i, i+1) })
	return Result{User: id}, nil
}

func (a *Accounts) expireTokens(c *command) (Result, error) {
	if !c.whole() {
		return Result{}, ErrCommand
	}
	a.tokensExpireAt = 0
	for u := range a.Users() {
		a.resize(u, func() {
			u.Tokens = slices.DeleteFunc(u.Tokens, func(t Token) bool {
				expired := t.ExpiresAt > 0 && t.ExpiresAt <= c.at
				if expired {
					delete(a.tokens, t.Hash)
				} else {
					a.noteExpiry(t.ExpiresAt)
				}
				return expired
			})
		})
	}
	return Result{}, nil
}

// addToken appends a token to its owner's and enters it in the index.
func (a *Accounts) addToken(u *User, t Token) {
	if a.tokens == nil {
		a.tokens = make(map[TokenHash]*User)
	}
	u.Tokens = append(u.Tokens, t)
	a.tokens[t.Hash] = u
	a.noteExpiry(t.ExpiresAt)
}

func (a *Accounts) noteExpiry(at Micros) {
	if at > 0 && (a.tokensExpireAt == 0 || at < a.tokensExpireAt) {
		a.tokensExpireAt = at
	}
}

// dropTokens takes all of a user's tokens out of the index.
func (a *Accounts) dropTokens(u *User) {
	for i := range u.Tokens {
		delete(a.tokens, u.Tokens[i].Hash)
	}
}

// tokenIndex finds a token by its name; -1: the user has none of it.
func (u *User) tokenIndex(name []byte) int {
	return slices.IndexFunc(u.Tokens, func(t Token) bool { return t.Name == string(name) })
}

func (t *Token) check() bool { return nameOK([]byte(t.Name), 1, nameBytesMax) }

// A token in a snapshot: name text, hash 32 bytes, expires at u64, created at u64.
func (t *Token) append(dst []byte) []byte {
	dst = append(appendText(dst, t.Name), t.Hash[:]...)
	return le.AppendUint64(le.AppendUint64(dst, uint64(t.ExpiresAt)), uint64(t.CreatedAt))
}

func (d *decoder) hash() (h TokenHash) {
	copy(h[:], d.bytes(len(h)))
	return h
}
