package wire

import (
	"cmp"
	"slices"
)

// Permissions have at most this many streams, and topics in each.
const (
	PermissionStreamsMax = 1 << 20
	PermissionTopicsMax  = 4096
)

// Permissions say what a user may do. In all three levels bit i is the i-th flag in the protocol's order, and there
// are no others. Streams and topics are ascending by id, each once; they need not exist.
type Permissions struct {
	// Global has 10 flags: manage servers, read servers, manage users, read users, manage streams, read streams,
	// manage topics, read topics, poll messages, send messages.
	Global  uint16
	Streams []StreamPermissions
}

// StreamPermissions are a user's rights in one stream.
type StreamPermissions struct {
	ID uint32
	// Rights has 6 flags: manage stream, read stream, manage topics, read topics, poll messages, send messages.
	Rights uint8
	Topics []TopicPermissions
}

// TopicPermissions are a user's rights in one topic.
type TopicPermissions struct {
	ID uint32
	// Rights has 4 flags: manage topic, read topic, poll messages, send messages.
	Rights uint8
}

// Arrange sorts streams and topics by id, as a peer may name them in any order. It says whether each is there once.
func (p *Permissions) Arrange() bool {
	for i := range p.Streams {
		if !ascend(p.Streams[i].Topics, func(t TopicPermissions) uint32 { return t.ID }) {
			return false
		}
	}
	return ascend(p.Streams, func(s StreamPermissions) uint32 { return s.ID })
}

func ascend[T any](all []T, id func(T) uint32) (distinct bool) {
	order := func(a, b T) int { return cmp.Compare(id(a), id(b)) }
	if !slices.IsSortedFunc(all, order) {
		slices.SortFunc(all, order)
	}
	for i := 1; i < len(all); i++ {
		if id(all[i]) == id(all[i-1]) {
			return false
		}
	}
	return true
}
