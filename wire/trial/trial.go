// Package trial is a dialect that only tests speak. It does what today's does not: its frames are pipelined, its replies leave as soon as they
// are there, and a frame may have several requests. So whoever says that a broker is open to another dialect can try.
package trial

import (
	"encoding/binary"
	"errors"

	"github.com/galgo-mq/galgo/wire"
)

// Dialect is the dialect. All is about one topic, in a stream of the same name.
//
//	request  magic, size, number, kind, pad  16   a part of several: size, kind, pad  8
//	login    client, password                16 and more
//	ping     -
//	send     partition                        4   and a batch of one message
//	poll     partition, count, offset        16
//	several  parts
//	make     partitions                       4   0: the stream; else the topic
//
//	reply    magic, size, number, status     16   to a part: the same, with its place in the frame as its number
//	send     base offset                      8
//	poll     count                            4   and batches
type Dialect struct {
	Topic string
}

var _ wire.Dialect = Dialect{}

// Window is how many requests of a connection may be under way.
const Window = 4

const (
	magic     = "\xf5GT1"
	headBytes = 16
	partBytes = 8
)

type kind byte

const (
	kindLogin kind = iota + 1
	kindPing
	kindSend
	kindPoll
	kindSeveral
	kindMake
)

var errFrame = errors.New("no frame of the dialect on trial")

// Begins is the recogniser.
func Begins(p []byte, _ int) wire.Verdict {
	n := min(len(p), len(magic))
	switch {
	case string(p[:n]) != magic[:n]:
		return wire.NotMine
	case n < len(magic):
		return wire.NeedMore
	}
	return wire.Mine
}

// Frame implements wire.Dialect.
func (Dialect) Frame(p []byte, max int) (int, error) {
	if len(p) < headBytes {
		return 0, nil
	}
	n := binary.LittleEndian.Uint32(p[4:])
	if string(p[:4]) != magic || n < headBytes || uint64(n) > uint64(max) {
		return 0, errFrame
	}
	return int(n), nil
}

// Open implements wire.Dialect.
func (d Dialect) Open(p []byte, _ bool, r *wire.Request) error {
	r.Handle, r.Numbered = wire.Handle{Request: uint64(binary.LittleEndian.Uint32(p[8:]))}, false
	if kind(p[12]) != kindSeveral {
		d.open(kind(p[12]), p[headBytes:], r)
		return nil
	}
	r.Code, r.Malformed, r.Form, r.Parts = wire.CodeSeveral, nil, nil, r.Parts[:0]
	for p = p[headBytes:]; len(p) > 0; {
		if len(p) < partBytes || int(binary.LittleEndian.Uint32(p)) < partBytes || int(binary.LittleEndian.Uint32(p)) > len(p) {
			return wire.StatusInvalidCommand
		}
		n := binary.LittleEndian.Uint32(p)
		part := wire.Request{Handle: wire.Handle{Request: uint64(len(r.Parts))}}
		d.open(kind(p[4]), p[partBytes:n], &part)
		r.Parts, p = append(r.Parts, part), p[n:]
	}
	return nil
}

// open reads the body of a request.
func (d Dialect) open(k kind, body []byte, r *wire.Request) {
	r.Malformed, r.Form = nil, nil
	if least := [...]int{kindLogin: 16, kindPing: 0, kindSend: 4, kindPoll: 16, kindMake: 4, kindSeveral: 0}; int(k) >= len(least) || len(body) < least[k] {
		r.Code, r.Malformed = wire.CodePing, wire.StatusInvalidCommand
		return
	}
	name := wire.Named(d.Topic)
	switch k {
	case kindLogin:
		r.Code, r.Form = wire.CodeLogin, &wire.Login{Username: []byte("iggy"), Password: body[16:]}
		copy(r.Handle.Client[:], body)
	case kindPing:
		r.Code = wire.CodePing
	case kindSend:
		r.Code = wire.CodeSendMessages
		r.Send = wire.SendMessages{Stream: name, Topic: name, Count: 1, Batch: body[4:],
			Partitioning: wire.Partitioning{Kind: wire.ToPartition, Partition: binary.LittleEndian.Uint32(body)}}
	case kindPoll:
		r.Code = wire.CodePollMessages
		r.Poll = wire.PollMessages{Consumer: wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Numbered(1)}, Stream: name, Topic: name,
			Partition: wire.InPartition(binary.LittleEndian.Uint32(body)), Count: binary.LittleEndian.Uint32(body[4:]),
			Strategy: wire.Strategy{Kind: wire.FromOffset, Value: binary.LittleEndian.Uint64(body[8:])}}
	case kindMake:
		r.Code, r.Form = wire.CodeCreateStream, &wire.CreateStream{Name: []byte(d.Topic)}
		if n := binary.LittleEndian.Uint32(body); n > 0 {
			r.Code, r.Form = wire.CodeCreateTopic, &wire.CreateTopic{Stream: name, Name: []byte(d.Topic), PartitionsCount: n}
		}
	case kindSeveral: // within several
		r.Code = wire.CodeSeveral
	}
}

// HeadBytes implements wire.Dialect.
func (Dialect) HeadBytes() int { return headBytes }

// PolledBytes implements wire.Dialect.
func (Dialect) PolledBytes() int { return 4 }

// Records implements wire.Dialect.
func (Dialect) Records() wire.RecordForm { return wire.RecordsAsStored }

// Window implements wire.Dialect.
func (Dialect) Window() (most int, inOrder bool) { return Window, false }

// Serves implements wire.Dialect.
func (Dialect) Serves() bool { return true }

// Head implements wire.Dialect.
func (Dialect) Head(dst []byte, h *wire.Handle, r *wire.Reply, bodyBytes int) {
	copy(dst, magic)
	binary.LittleEndian.PutUint32(dst[4:], uint32(headBytes+bodyBytes))
	binary.LittleEndian.PutUint32(dst[8:], uint32(h.Request))
	binary.LittleEndian.PutUint32(dst[12:], uint32(r.Status))
}

// Body implements wire.Dialect.
func (Dialect) Body(dst []byte, _ *wire.Handle, r *wire.Reply) []byte {
	switch r.Code {
	case wire.CodeSendMessages:
		return binary.LittleEndian.AppendUint64(dst, r.Placed.BaseOffset)
	case wire.CodePollMessages:
		return binary.LittleEndian.AppendUint32(dst, r.Polled.Count)
	}
	return dst
}

// Part implements wire.Dialect.
func (Dialect) Part([]byte, any) []byte { panic("BUG: the dialect on trial has no lists") }
