package trial

import (
	"encoding/binary"
	"fmt"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/wire"
)

// Request is a request without its head.
type Request struct {
	kind kind
	body []byte
}

// Login opens a session of the user iggy, under the client's own name for itself.
func Login(client [16]byte, password string) Request {
	return Request{kindLogin, append(client[:], password...)}
}

// Ping asks for nothing.
func Ping() Request { return Request{kind: kindPing} }

// Poll asks for one message of a partition.
func Poll(partition int, offset uint64) Request {
	p := binary.LittleEndian.AppendUint32(nil, uint32(partition))
	p = binary.LittleEndian.AppendUint32(p, 1)
	return Request{kindPoll, binary.LittleEndian.AppendUint64(p, offset)}
}

// Send sends a batch of one message to a partition.
func Send(partition int, b batch.Batch) Request {
	return Request{kindSend, append(binary.LittleEndian.AppendUint32(nil, uint32(partition)), b...)}
}

// MakeStream makes the stream, MakeTopic the topic in it with so many partitions.
func MakeStream() Request { return Request{kindMake, make([]byte, 4)} }

// MakeTopic makes the topic.
func MakeTopic(partitions int) Request {
	return Request{kindMake, binary.LittleEndian.AppendUint32(nil, uint32(partitions))}
}

// Several is a frame of several requests.
func Several(parts ...Request) Request {
	var p []byte
	for _, x := range parts {
		p = binary.LittleEndian.AppendUint32(p, uint32(partBytes+len(x.body)))
		p = append(append(p, byte(x.kind), 0, 0, 0), x.body...)
	}
	return Request{kindSeveral, p}
}

// Frame is the request as it is sent, under a number that its reply has.
func (x Request) Frame(number uint32) []byte {
	p := binary.LittleEndian.AppendUint32([]byte(magic), uint32(headBytes+len(x.body)))
	p = binary.LittleEndian.AppendUint32(p, number)
	return append(append(p, byte(x.kind), 0, 0, 0), x.body...)
}

// Reply is the reply to a request, or to a part of several, whose number is its place.
type Reply struct {
	Number uint32
	Status wire.Status
	Body   []byte // a view
}

// Cut takes the first reply off p. Not whole: there are too few bytes.
func Cut(p []byte) (r Reply, rest []byte, whole bool) {
	if len(p) < headBytes {
		return r, p, false
	}
	n := int(binary.LittleEndian.Uint32(p[4:]))
	if string(p[:4]) != magic || n < headBytes {
		panic(fmt.Sprintf("BUG: % x is no reply", p[:headBytes]))
	}
	if n > len(p) {
		return r, p, false
	}
	return Reply{binary.LittleEndian.Uint32(p[8:]), wire.Status(binary.LittleEndian.Uint32(p[12:])), p[headBytes:n]}, p[n:], true
}

// Parts are the replies to several.
func (r Reply) Parts() (all []Reply) {
	for rest := r.Body; len(rest) > 0; {
		x, behind, whole := Cut(rest)
		if !whole || int(x.Number) != len(all) {
			panic(fmt.Sprintf("BUG: a reply to part %d where part %d is due", x.Number, len(all)))
		}
		all, rest = append(all, x), behind
	}
	return all
}

// Offset is where a send went.
func (r Reply) Offset() uint64 { return binary.LittleEndian.Uint64(r.Body) }

// Message is the batch of the one message that a poll has found; nil: none.
func (r Reply) Message() batch.Batch {
	if r.Status != wire.StatusOK || binary.LittleEndian.Uint32(r.Body) == 0 {
		return nil
	}
	return batch.Batch(r.Body[4:])
}

// Polled says in words what a poll has found.
func (r Reply) Polled() string {
	b := r.Message()
	switch {
	case r.Status != wire.StatusOK:
		return r.Status.Error()
	case b == nil:
		return "nothing"
	}
	return Found(int(b.PartitionID()), uint64(b.BaseOffset()))
}

// Found is what Polled says of a message.
func Found(partition int, offset uint64) string {
	return fmt.Sprintf("partition %d, offset %d", partition, offset)
}
