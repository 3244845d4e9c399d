// Package vsr is the dialect of Iggy 0.9 servers and 0.11 clients: frames with a 256-byte header, as pure functions
// over byte slices. Decoders return views of the frame and allocate nothing on the paths of send, poll and offsets;
// encoders append to dst. Decoding errors are wire.Status values ready for the reply, unless said otherwise.
//
// Commands are in one file each, opening with code, operation and behaviour. Those whose request and reply are empty
// have no file: PING (1), LOGOUT (operation 3) and the requests of the reads without arguments.
package vsr

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/wire"
)

// A frame is a header of 256 bytes and a body. What all headers share, little endian:
//
//	at  size  field
//	 0    48  checksums, cluster   zero between client and server; read by neither
//	48     4  size                 256 + body
//	52     8  view, release        zero
//	60     1  command              5 request, 8 reply, 13 eviction; others are for servers among themselves
//	61    67  replica, reserved    zero
//
// A request goes on with:
//
//	128   16  client               random, never zero: one session, not one connection
//	144   16  stamp                XXH3-64 of the body and eight zeros, or all zero
//	160    8  timestamp            zero
//	168    8  request              number within the session; see CheckRequest
//	176    1  operation
//	184    8  session              as the login reply gave it; zero before
//	192    4  user id              zero, not to be trusted
//	196    4  code                 the command, for operation NonReplicated; else zero
//	200   56  reserved             zero
//
// a reply with:
//
//	128   16  stamp                echo
//	144   16  context              zero
//	160   16  client               echo
//	176    8  op                   zero, or the session in a login reply
//	184    8  commit               revision of the metadata, never falling
//	192    8  timestamp            echo
//	200    8  request              echo
//	208    1  operation            echo
//	216    4  status               0 success
//	220   36  reserved             zero
//
// and for an eviction see PutEviction.
const (
	HeaderSize = 256

	sizePos    = 48
	commandPos = 60

	clientPos    = 128
	stampPos     = 144
	timestampPos = 160
	requestPos   = 168
	operationPos = 176
	sessionPos   = 184
	codePos      = 196

	replyStampPos     = 128
	replyClientPos    = 160
	replyOpPos        = 176
	replyCommitPos    = 184
	replyTimestampPos = 192
	replyRequestPos   = 200
	replyOperationPos = 208
	replyStatusPos    = 216
)

// FrameMax is the hard ceiling of a frame's size; FrameMaxDefault is what servers allow unless told otherwise.
const (
	FrameMax        = 256 << 20
	FrameMaxDefault = 64 << 20
)

// Command is the kind of a frame.
type Command uint8

// The kinds that clients and servers exchange, and the last one that is known at all.
const (
	CommandRequest  Command = 5
	CommandReply    Command = 8
	CommandEviction Command = 13

	commandLast Command = 29
)

// The stream cannot be trusted any more; close it.
var (
	ErrFrameSize      = errors.New("vsr: frame size out of bounds")
	ErrUnknownCommand = errors.New("vsr: unknown frame command")
)

// Header is a view of a frame's 256 bytes. Which accessors mean something depends on its Command.
type Header []byte

// Frame is a view of one whole frame.
type Frame struct {
	Header
	Body []byte
}

// DecodeFrame reads the first frame of p and reports how many bytes it took. need > 0 means p is too short and how
// many bytes would do, never more than max; that is not an error. The frame aliases p and lives until p is reused.
// ErrFrameSize (also for a frame beyond max), ErrUnknownCommand: close the connection. max is at least HeaderSize.
func DecodeFrame(p []byte, max int) (f Frame, n, need int, err error) {
	h, size, err := DecodeHeader(p, max)
	if err != nil {
		return Frame{}, 0, 0, err
	}
	if len(p) < size {
		return Frame{}, 0, size, nil
	}
	return Frame{Header: h, Body: p[HeaderSize:size:size]}, size, 0, nil
}

// DecodeHeader reads the header that p begins with and the size of its frame, for a caller that receives bodies
// elsewhere. A p of less than HeaderSize bytes has no header yet and needs HeaderSize. Errors as DecodeFrame.
func DecodeHeader(p []byte, max int) (h Header, size int, err error) {
	if max < HeaderSize {
		panic(fmt.Sprintf("BUG: frame limit %d below the header's %d", max, HeaderSize))
	}
	if len(p) < HeaderSize {
		return nil, HeaderSize, nil
	}
	h = Header(p[:HeaderSize:HeaderSize])
	announced := binary.LittleEndian.Uint32(h[sizePos:])
	switch {
	case announced < HeaderSize || uint64(announced) > uint64(max):
		return nil, 0, fmt.Errorf("%w: %d bytes, and %d to %d are allowed", ErrFrameSize, announced, HeaderSize, max)
	case h.Command() > commandLast:
		return nil, 0, ErrUnknownCommand
	}
	return h, int(announced), nil
}

// Command is the kind of frame.
func (h Header) Command() Command { return Command(h[commandPos]) }

// Client is the session's id, of a request or an eviction. Zero is not legal.
func (h Header) Client() [16]byte { return [16]byte(h[clientPos:]) }

// Request is the request number.
func (h Header) Request() uint64 { return binary.LittleEndian.Uint64(h[requestPos:]) }

// Operation is the operation of a request.
func (h Header) Operation() Operation { return Operation(h[operationPos]) }

// Session is the session number of a request.
func (h Header) Session() uint64 { return binary.LittleEndian.Uint64(h[sessionPos:]) }

// Stamp is the checksum of a request's body: its value and whether there is one. ok is false for a stamp that
// cannot be right, its upper half not being zero.
func (h Header) Stamp() (sum uint64, stamped, ok bool) {
	sum = binary.LittleEndian.Uint64(h[stampPos:])
	upper := binary.LittleEndian.Uint64(h[stampPos+8:])
	return sum, sum|upper != 0, upper == 0
}

// Code is the command of a request, from its operation where that says it, else from the code field.
func (h Header) Code() wire.Code {
	if op := h.Operation(); op != NonReplicated {
		return operations[op].code
	}
	return wire.Code(binary.LittleEndian.Uint32(h[codePos:]))
}

// ReplyOperation is the operation that a reply echoes.
func (h Header) ReplyOperation() Operation { return Operation(h[replyOperationPos]) }

// Status is how the command went, in a reply.
func (h Header) Status() wire.Status {
	return wire.Status(binary.LittleEndian.Uint32(h[replyStatusPos:]))
}

// Commit is the revision of the metadata when a reply was made.
func (h Header) Commit() uint64 { return binary.LittleEndian.Uint64(h[replyCommitPos:]) }
