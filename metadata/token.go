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
func (m *Machine) Token(hash TokenHash) (*User, *Token) {
	u := m.tokens[hash]
	if u == nil {
		return nil, nil
	}
	return u, &u.Tokens[slices.IndexFunc(u.Tokens, func(t Token) bool { return t.Hash == hash })]
}

// TokensExpireAt is a moment before which no token expires, 0 if none ever does: until then EncodeExpireTokens has nothing
// to do. It may be too early when a token was deleted.
func (m *Machine) TokensExpireAt() Micros { return m.tokensExpireAt }

func (m *Machine) createToken(at Micros, d *decoder) (Result, error) {
	id, since, name, hash, expiresAt := UserID(d.u32()), d.u64(), d.text(), d.hash(), Micros(d.u64())
	if !d.whole() {
		return Result{}, ErrCommand
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrTokenName
	}
	u, err := m.UserSince(id, since)
	if err != nil {
		return Result{}, err
	}
	switch {
	case u.tokenIndex(name) >= 0:
		return Result{}, ErrTokenExists
	case len(u.Tokens) == TokensMax:
		return Result{}, ErrTooManyTokens
	case m.tokens[hash] != nil:
		return Result{}, ErrTokenHash
	}
	m.bytes += tokenSize + textSize(string(name))
	m.addToken(u, Token{Name: string(name), Hash: hash, ExpiresAt: expiresAt, CreatedAt: at})
	return Result{User: id}, nil
}

func (m *Machine) deleteToken(_ Micros, d *decoder) (Result, error) {
	id, since, name := UserID(d.u32()), d.u64(), d.text()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	u, err := m.UserSince(id, since)
	if err != nil {
		return Result{}, err
	}
	i := u.tokenIndex(name)
	if i < 0 {
		return Result{}, ErrTokenNotFound
	}
	delete(m.tokens, u.Tokens[i].Hash)
	m.resizeUser(u, func() { u.Tokens = slices.Delete(u.Tokens, i, i+1) })
	return Result{User: id}, nil
}

func (m *Machine) expireTokens(at Micros, d *decoder) (Result, error) {
	if !d.whole() {
		return Result{}, ErrCommand
	}
	m.tokensExpireAt = 0
	for u := range m.Users() {
		m.resizeUser(u, func() {
			u.Tokens = slices.DeleteFunc(u.Tokens, func(t Token) bool {
				expired := t.ExpiresAt > 0 && t.ExpiresAt <= at
				if expired {
					delete(m.tokens, t.Hash)
				} else {
					m.noteExpiry(t.ExpiresAt)
				}
				return expired
			})
		})
	}
	return Result{}, nil
}

// addToken appends a token to its owner's and enters it in the index.
func (m *Machine) addToken(u *User, t Token) {
	if m.tokens == nil {
		m.tokens = make(map[TokenHash]*User)
	}
	u.Tokens = append(u.Tokens, t)
	m.tokens[t.Hash] = u
	m.noteExpiry(t.ExpiresAt)
}

func (m *Machine) noteExpiry(at Micros) {
	if at > 0 && (m.tokensExpireAt == 0 || at < m.tokensExpireAt) {
		m.tokensExpireAt = at
	}
}

// dropTokens takes all of a user's tokens out of the index.
func (m *Machine) dropTokens(u *User) {
	for i := range u.Tokens {
		delete(m.tokens, u.Tokens[i].Hash)
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
