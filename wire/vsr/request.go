package vsr

import (
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"

	"github.com/galgo-mq/galgo/wire"
)

// ErrNotRequest is a frame that has no business on a client's connection; close it.
var ErrNotRequest = errors.New("vsr: frame is not a request")

// CheckRequest says which command f carries, if its header keeps the rules and it may be sent now; loggedIn is
// whether the connection has a session. For Register the code is wire.CodeLogin; DecodeLogin tells its two kinds
// apart. Who the client is follows from the connection, not from the header: ids and numbers are not compared with
// those of the session here, and grant nothing.
//
// The error says what to answer: a wire.Status goes into a reply, a Reason into an eviction, and on ErrNotRequest
// the connection is to be closed. In the order of the checks:
//
//	ErrNotRequest                  not a request
//	StatusInvalidCommand           client id zero, or an unknown operation
//	ReasonInvalidRequestOperation  an operation that only servers use
//	ReasonNoSession                a command that needs a session and has an operation of its own, before login
//	StatusInvalidCommand           numbers that cannot be: Register with any, another such operation without
//	StatusInvalidFormat            a stamp that is not that of the body
//	ReasonMalformedLogin           a login of older dialects
//	StatusUnauthenticated          any other read but PING, known or not, before login
//	StatusInvalidCommand           an unknown code
//	StatusFeatureUnavailable       a command with an operation of its own sent as a read, or one for clusters
func CheckRequest(f Frame, loggedIn bool) (wire.Code, error) {
	op := f.Operation()
	switch {
	case f.Command() != CommandRequest:
		return 0, ErrNotRequest
	case f.Client() == [16]byte{} || !op.Known():
		return 0, wire.StatusInvalidCommand
	case operations[op].kind == internalOperation:
		return 0, ReasonInvalidRequestOperation
	case operations[op].kind != sessionOperation && !loggedIn:
		return 0, ReasonNoSession
	case !numbersLegal(f.Header):
		return 0, wire.StatusInvalidCommand
	case !stampRight(f):
		return 0, wire.StatusInvalidFormat
	case op != NonReplicated:
		return operations[op].code, nil
	}
	return checkRead(f.Code(), loggedIn)
}

func checkRead(code wire.Code, loggedIn bool) (wire.Code, error) {
	kind := kindOf(code)
	switch {
	case kind == legacyCode:
		return code, ReasonMalformedLogin
	case kind != openCode && !loggedIn:
		return code, wire.StatusUnauthenticated
	case kind == unknownCode:
		return code, wire.StatusInvalidCommand
	case kind == ownCode || kind == clusterCode:
		return code, wire.StatusFeatureUnavailable
	}
	return code, nil
}

// numbersLegal checks session and request number. A logout is let through with any: it succeeds even where there is
// nothing to log out of.
func numbersLegal(h Header) bool {
	switch h.Operation() {
	case Register:
		return h.Session() == 0 && h.Request() == 0
	case NonReplicated, Logout:
		return true
	}
	return h.Session() > 0 && h.Request() > 0
}

func stampRight(f Frame) bool {
	sum, stamped, ok := f.Stamp()
	return !stamped || ok && sum == xxh3.Hash(f.Body)
}

// Handle is the handle of a request.
func (h Header) Handle() wire.Handle {
	return wire.Handle{
		Client:    h.Client(),
		Stamp:     [16]byte(h[stampPos:]),
		Timestamp: binary.LittleEndian.Uint64(h[timestampPos:]),
		Request:   h.Request(),
		Operation: uint8(h.Operation()),
	}
}

// RequestHeader is what a client says in front of a body.
type RequestHeader struct {
	Client  [16]byte
	Session uint64
	Request uint64
	Code    wire.Code
}

// PutRequest writes the header of the request with that body to dst, HeaderSize bytes. The body is stamped where
// the dialect asks for it: for what changes metadata, and for login and logout. tail is the rest of the body if it
// lies elsewhere; only a SEND_MESSAGES, which is not stamped, has one: its batch.
func PutRequest(dst []byte, r RequestHeader, body, tail []byte) {
	dst = dst[:HeaderSize]
	clear(dst)
	op := OperationOf(r.Code)
	binary.LittleEndian.PutUint32(dst[sizePos:], uint32(HeaderSize+len(body)+len(tail)))
	dst[commandPos] = byte(CommandRequest)
	copy(dst[clientPos:], r.Client[:])
	binary.LittleEndian.PutUint64(dst[requestPos:], r.Request)
	dst[operationPos] = byte(op)
	binary.LittleEndian.PutUint64(dst[sessionPos:], r.Session)
	switch {
	case op == NonReplicated:
		binary.LittleEndian.PutUint32(dst[codePos:], uint32(r.Code))
	case operations[op].kind != partitionOperation:
		binary.LittleEndian.PutUint64(dst[stampPos:], xxh3.Hash(body))
	}
}
