// Package auth hashes and checks passwords, far away from the shards.
//
// A hash takes about 20 ms of one core and 19 MiB of memory on purpose. In the server's own process that memory would
// drive the collector, one cycle per hash, and the time would compete with a pinned shard; so a Hasher does it in a
// child process of low priority that it starts when there is something to do and stops when there is not
// (docs/adr/0002-password-hashing.md). The queue is bounded; when it is full the answer is ErrBusy. In front of it stands
// a Guard: it remembers passwords that were right and slows down those who try many.
//
// It leaves to others: who may log in, and where hashes are kept.
package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// ErrFormat says that a text is not a password hash of a kind that this build checks.
var ErrFormat = errors.New("auth: not an argon2id hash that can be checked")

// params are how much work a hash is. A hash carries its own, so that later builds may ask for more.
type params struct {
	memoryKiB   uint32
	passes      uint32
	parallelism uint8
}

// current is what new hashes are made with: the second recommendation of OWASP for Argon2id.
var current = params{memoryKiB: 19 << 10, passes: 2, parallelism: 1}

// What a stored hash may ask for at most: it must not be able to exhaust the machine.
const (
	memoryKiBMax   = 256 << 10
	passesMax      = 16
	parallelismMax = 4
	saltBytes      = 16
	keyBytes       = 32
	saltBytesMax   = 64
	keyBytesMax    = 64
	phcBytesMax    = 512
)

// phc is a hash in parts. As text, in the PHC string format:
//
//	$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5...
//	 kind     version work         salt, base64           key, base64 (both without padding)
type phc struct {
	params
	salt, key []byte
}

func (h phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memoryKiB, h.passes, h.parallelism,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parsePHC reads the text of a hash and refuses one that is too much work to check.
func parsePHC(text string) (phc, error) {
	fields := strings.Split(text, "$")
	if len(text) > phcBytesMax || len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != "v=19" {
		return phc{}, ErrFormat
	}
	work := strings.Split(fields[3], ",")
	if len(work) != 3 {
		return phc{}, ErrFormat
	}
	memory, ok1 := parseWork(work[0], "m=", memoryKiBMax)
	passes, ok2 := parseWork(work[1], "t=", passesMax)
	parallelism, ok3 := parseWork(work[2], "p=", parallelismMax)
	salt, err1 := base64.RawStdEncoding.Strict().DecodeString(fields[4])
	key, err2 := base64.RawStdEncoding.Strict().DecodeString(fields[5])
	switch {
	case !ok1 || !ok2 || !ok3 || err1 != nil || err2 != nil,
		memory < 8*parallelism, // the algorithm's own least
		len(salt) < 8 || len(salt) > saltBytesMax || len(key) < 16 || len(key) > keyBytesMax:
		return phc{}, ErrFormat
	}
	return phc{params{memory, passes, uint8(parallelism)}, salt, key}, nil
}

func parseWork(text, prefix string, most uint64) (v uint32, ok bool) {
	digits, ok := strings.CutPrefix(text, prefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil && n > 0 && n <= most
}

// hash makes a new hash of a password, here and now.
func hash(password []byte) string {
	h := phc{params: current, salt: make([]byte, saltBytes)}
	rand.Read(h.salt) // never fails: the runtime ends the process instead
	h.key = h.derive(password, keyBytes)
	return h.String()
}

// verify checks a password against a hash, here and now. A text that is no hash costs as much time as one that is, and
// is false: from outside an unknown user looks like a wrong password.
func verify(text string, password []byte) bool {
	h, err := parsePHC(text)
	if err != nil {
		h = phc{params: current, salt: make([]byte, saltBytes), key: make([]byte, keyBytes)}
	}
	same := subtle.ConstantTimeCompare(h.derive(password, len(h.key)), h.key) == 1
	return same && err == nil
}

func (h phc) derive(password []byte, size int) []byte {
	return argon2.IDKey(password, h.salt, h.passes, h.memoryKiB, h.parallelism, uint32(size))
}
