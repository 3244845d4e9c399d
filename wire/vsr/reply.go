package vsr

import (
	"encoding/binary"

	"github.com/galgo-mq/galgo/wire"
)

// PutReply writes the header of the reply to the request of handle to dst, HeaderSize bytes; bodySize bytes of body
// follow it. With a status other than StatusOK the body is not read, and best left out. commit is the revision of
// the metadata.
func PutReply(dst []byte, handle wire.Handle, status wire.Status, bodySize int, commit uint64) {
	dst = dst[:HeaderSize]
	clear(dst)
	binary.LittleEndian.PutUint32(dst[sizePos:], uint32(HeaderSize+bodySize))
	dst[commandPos] = byte(CommandReply)
	copy(dst[replyStampPos:], handle.Stamp[:])
	copy(dst[replyClientPos:], handle.Client[:])
	binary.LittleEndian.PutUint64(dst[replyCommitPos:], commit)
	binary.LittleEndian.PutUint64(dst[replyTimestampPos:], handle.Timestamp)
	binary.LittleEndian.PutUint64(dst[replyRequestPos:], handle.Request)
	dst[replyOperationPos] = handle.Operation
	binary.LittleEndian.PutUint32(dst[replyStatusPos:], uint32(status))
}

// AppendEmptyReply appends the body of a successful reply without payload: a result section where the operation
// has one, else nothing.
func AppendEmptyReply(dst []byte, op Operation) []byte {
	if op.Framed() {
		return appendResultOK(dst)
	}
	return dst
}

// A result section, which the body of a reply begins with if its operation is framed:
//
//	at  size  field
//	 0     4  count     0: success, the payload follows
//	 4     8  entry     count times: u32 index, u32 status. Only the first is looked at.
func appendResultOK(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// DecodeReply checks the reply f to a request of operation op as clients do, and returns what is left of its body
// after the result section. An error is a wire.Status, the one that the server sent or StatusInvalidCommand for what
// is not a reply; or the Reason of an eviction, which ends the session.
//
// Decoders of replies take the whole body, result section included; use this for replies without payload, and to
// learn of errors before anything else.
func DecodeReply(f Frame) (payload []byte, err error) {
	switch {
	case f.Command() == CommandEviction:
		return nil, f.EvictionReason()
	case f.Command() != CommandReply:
		return nil, wire.StatusInvalidCommand
	case f.Status() != wire.StatusOK:
		return nil, f.Status()
	case !f.ReplyOperation().Known():
		return nil, wire.StatusInvalidCommand
	case f.ReplyOperation().Framed():
		return decodeResult(f.Body)
	}
	return f.Body, nil
}

func decodeResult(body []byte) (payload []byte, err error) {
	r := reader{p: body}
	r.result()
	return r.p, r.err()
}
