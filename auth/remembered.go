package auth

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"time"
)

const (
	rememberedMax = 4096           // accounts; about 1 MiB
	rememberedFor = 24 * time.Hour // since it was used last
)

// key names an account, an address or a pair of both; proof stands for a password and the hash it was checked with.
// Both are made with a secret of this process: nobody outside can choose where they fall, and a table of them says
// nothing to one who has not the secret too.
type (
	key   [16]byte
	proof [sha256.Size]byte
)

type secret [32]byte

func newSecret() (s secret) {
	rand.Read(s[:]) // never fails: the runtime ends the process instead
	return s
}

// What a sum is about goes into it, so that an account and an address of the same text differ.
const (
	sumAccount = 'a'
	sumAddress = 'n'
	sumPair    = 'p'
	sumProof   = 's'
)

// sum is the HMAC-SHA-256 of the parts, each behind its size.
func (s *secret) sum(about byte, parts ...[]byte) (out proof) {
	h := hmac.New(sha256.New, s[:])
	h.Write([]byte{about})
	for _, p := range parts {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(p))))
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}

func (s *secret) key(about byte, parts ...[]byte) key {
	sum := s.sum(about, parts...)
	return key(sum[:len(key{})])
}

// memory keeps for each account the password that was found right last. It is bounded: the account not used for longest
// goes first, and only one who knows a right password gets in. An account has one entry, so nobody fills it alone.
type memory struct {
	max     int
	entries map[key]*list.Element
	order   list.List // of *remembered, the one used last in front
	version uint64    // grows with each entry
}

type remembered struct {
	account key
	proof   proof
	used    time.Duration
}

func newMemory(most int) *memory {
	return &memory{max: most, entries: make(map[key]*list.Element)}
}

// remember notes that a password was found right at now.
func (m *memory) remember(now time.Duration, account key, p proof) {
	m.version++
	if e := m.entries[account]; e != nil {
		r := e.Value.(*remembered)
		r.proof, r.used = p, now
		m.order.MoveToFront(e)
		return
	}
	if len(m.entries) == m.max {
		m.forget(m.order.Back())
	}
	m.entries[account] = m.order.PushFront(&remembered{account, p, now})
}

// knows says whether this very password was found right before, with the hash that is stored now. A wrong one learns
// nothing: it goes the way of any other, and the comparison takes as long wherever it differs.
func (m *memory) knows(now time.Duration, account key, p proof) bool {
	e := m.entries[account]
	if e == nil {
		return false
	}
	r := e.Value.(*remembered)
	if now-r.used >= rememberedFor {
		m.forget(e)
		return false
	}
	if subtle.ConstantTimeCompare(r.proof[:], p[:]) == 0 {
		return false
	}
	r.used = now
	m.order.MoveToFront(e)
	return true
}

func (m *memory) forget(e *list.Element) {
	delete(m.entries, e.Value.(*remembered).account)
	m.order.Remove(e)
}
