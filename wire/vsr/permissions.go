package vsr

import "github.com/galgo-mq/galgo/wire"

// Permissions are flags, a byte each that is true unless it is 0, in the order of the bits of wire.Permissions:
//
//	global    10 flags
//	streams   each behind a true, false after the last: id u32, 6 flags, topics
//	topics    each behind a true, false after the last: id u32, 4 flags
//
// They are written ascending by id and taken in any order; an id that comes twice is refused. Their size, u32, is
// before them and leaves nothing over. None at all is a single 0 in requests and four of them in replies:
//
//	request   present u8 0   or   present u8 1, size u32, permissions
//	reply     present u32 0  or   present u8 1, size u32, permissions
const (
	globalFlags = 10
	streamFlags = 6
	topicFlags  = 4
)

// permissions takes those of a request.
func (r *reader) permissions() *wire.Permissions {
	if !r.flag() {
		return nil
	}
	return r.sizedPermissions()
}

// replyPermissions takes those of a reply.
func (r *reader) replyPermissions() *wire.Permissions {
	if !r.flag() {
		r.bytes(3)
		return nil
	}
	return r.sizedPermissions()
}

func (r *reader) sizedPermissions() *wire.Permissions {
	block := reader{p: r.bytes32(), status: r.status}
	p := block.permissionsBlock()
	if len(block.p) > 0 || block.status != wire.StatusOK || !p.Arrange() {
		r.fail()
		return nil
	}
	return p
}

func (r *reader) permissionsBlock() *wire.Permissions {
	p := &wire.Permissions{Global: r.rights(globalFlags)}
	for r.nonZero() {
		if len(p.Streams) == wire.PermissionStreamsMax {
			r.fail()
			return p
		}
		p.Streams = append(p.Streams, wire.StreamPermissions{
			ID: r.u32(), Rights: uint8(r.rights(streamFlags)), Topics: r.topicPermissions(),
		})
	}
	return p
}

func (r *reader) topicPermissions() (topics []wire.TopicPermissions) {
	for r.nonZero() {
		if len(topics) == wire.PermissionTopicsMax {
			r.fail()
			return topics
		}
		topics = append(topics, wire.TopicPermissions{ID: r.u32(), Rights: uint8(r.rights(topicFlags))})
	}
	return topics
}

func (r *reader) rights(count uint32) (rights uint16) {
	for i, flag := range r.bytes(count) {
		if flag != 0 {
			rights |= 1 << i
		}
	}
	return rights
}

// appendPermissions appends those of a request.
func appendPermissions(dst []byte, p *wire.Permissions) []byte {
	if p == nil {
		return append(dst, 0)
	}
	return appendSizedPermissions(append(dst, 1), p)
}

// appendReplyPermissions appends those of a reply.
func appendReplyPermissions(dst []byte, p *wire.Permissions) []byte {
	if p == nil {
		return append32(dst, 0)
	}
	return appendSizedPermissions(append(dst, 1), p)
}

func appendSizedPermissions(dst []byte, p *wire.Permissions) []byte {
	at := len(dst)
	dst = appendRights(append32(dst, 0), p.Global, globalFlags)
	for _, s := range p.Streams {
		dst = append32(append(dst, 1), s.ID)
		dst = appendRights(dst, uint16(s.Rights), streamFlags)
		for _, t := range s.Topics {
			dst = append32(append(dst, 1), t.ID)
			dst = appendRights(dst, uint16(t.Rights), topicFlags)
		}
		dst = append(dst, 0)
	}
	dst = append(dst, 0)
	put32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func appendRights(dst []byte, rights uint16, count int) []byte {
	for i := range count {
		dst = append(dst, byte(rights>>i&1))
	}
	return dst
}
