// Package classic is as much of the dialect of clients before today's as it takes to tell them that they are too old.
//
// A request is a length that counts what follows it, a command, both of four bytes, and a body; an answer a status and the size
// of its body, which is zero for errors.
package classic

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/wire"
)

// Dialect refuses every request with the status by which those clients know a version that is not supported.
type Dialect struct{}

var _ wire.Dialect = Dialect{}

const (
	headBytes = 8
	bodyMin   = 4
	tooOld    = 7 // status: a version that is not supported
)

var errTooOld = errors.New("a dialect that is not supported")

// Frame implements wire.Dialect.
func (Dialect) Frame(p []byte, max int) (int, error) {
	if len(p) < headBytes {
		return 0, nil
	}
	n := uint64(binary.LittleEndian.Uint32(p))
	if n < bodyMin || n+4 > uint64(max) {
		return 0, fmt.Errorf("a request of %d bytes in the former dialect", n)
	}
	return int(n) + 4, nil
}

// Open implements wire.Dialect.
func (Dialect) Open(p []byte, _ bool, r *wire.Request) error {
	r.Handle, r.Code, r.Numbered, r.Malformed, r.Form = wire.Handle{}, wire.Code(binary.LittleEndian.Uint32(p[4:])), false, nil, nil
	return errTooOld
}

// HeadBytes implements wire.Dialect.
func (Dialect) HeadBytes() int { return headBytes }

// PolledBytes implements wire.Dialect.
func (Dialect) PolledBytes() int { return 0 }

// Head implements wire.Dialect.
func (Dialect) Head(dst []byte, _ *wire.Handle, _ *wire.Reply, _ int) {
	binary.LittleEndian.PutUint32(dst, tooOld)
	binary.LittleEndian.PutUint32(dst[4:], 0)
}

// Body implements wire.Dialect: there is none.
func (Dialect) Body(dst []byte, _ *wire.Handle, _ *wire.Reply) []byte { return dst }

// Part implements wire.Dialect: there is none.
func (Dialect) Part(dst []byte, _ any) []byte { return dst }

// Records implements wire.Dialect.
func (Dialect) Records() wire.RecordForm { return wire.RecordsAsStored }

// Window implements wire.Dialect: one request at a time.
func (Dialect) Window() (most int, inOrder bool) { return 1, true }

// Serves implements wire.Dialect.
func (Dialect) Serves() bool { return false }
