package vsr

import "github.com/galgo-mq/galgo/wire"

// FLUSH_UNSAVED_BUFFER (102), a read by its operation. Other servers answer 5, feature unavailable.
//
//	stream      identifier
//	topic       identifier
//	partition   u32
//	sync        u8
//
// Reply: empty.

// DecodeFlushUnsavedBuffer decodes the body of the request.
func DecodeFlushUnsavedBuffer(body []byte) (f wire.FlushUnsavedBuffer, err error) {
	r := reader{p: body}
	f.Stream, f.Topic = r.identifier(), r.identifier()
	f.Partition = r.u32()
	f.Sync = r.u8() != 0
	return f, r.err()
}

// AppendFlushUnsavedBuffer appends the body of the request.
func AppendFlushUnsavedBuffer(dst []byte, f wire.FlushUnsavedBuffer) []byte {
	dst = appendIdentifier(appendIdentifier(dst, f.Stream), f.Topic)
	return appendFlag(append32(dst, f.Partition), f.Sync)
}
