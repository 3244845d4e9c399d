package metadata

// GlobalRights are the flags that hold everywhere; bit i is the i-th byte of the protocol's record.
type GlobalRights uint16

const (
	ManageServers GlobalRights = 1 << iota
	ReadServers
	ManageUsers
	ReadUsers
	ManageStreams
	ReadStreams
	ManageTopics
	ReadTopics
	PollMessages
	SendMessages

	AllRights = SendMessages<<1 - 1
)

// StreamRights are the flags of one stream, in the protocol's order.
type StreamRights uint8

const (
	StreamManage StreamRights = 1 << iota
	StreamRead
	StreamManageTopics
	StreamReadTopics
	StreamPollMessages
	StreamSendMessages

	streamRightsAll = StreamSendMessages<<1 - 1
)

// TopicRights are the flags of one topic, in the protocol's order.
type TopicRights uint8

const (
	TopicManage TopicRights = 1 << iota
	TopicRead
	TopicPollMessages
	TopicSendMessages

	topicRightsAll = TopicSendMessages<<1 - 1
)

// Permissions say what a user may do. Streams and topics are ascending by id; they need not exist. Each entry holds the
// incarnation of what it names and goes with it. User.May judges by them.
type Permissions struct {
	Global  GlobalRights
	Streams []StreamPermissions
}

// StreamPermissions are a user's rights in one stream.
type StreamPermissions struct {
	Stream StreamID
	Since  uint64 // of the stream that is meant; 0: none was there yet
	Rights StreamRights
	Topics []TopicPermissions
}

// TopicPermissions are a user's rights in one topic.
type TopicPermissions struct {
	Topic  TopicID
	Since  uint64 // of the topic that is meant; 0: none was there yet
	Rights TopicRights
}

func (p *Permissions) check() error {
	if p.Global&^AllRights != 0 || len(p.Streams) > permissionsMax {
		return ErrPermissions
	}
	for i, s := range p.Streams {
		if i > 0 && s.Stream <= p.Streams[i-1].Stream || s.Rights&^streamRightsAll != 0 || len(s.Topics) > TopicsMax {
			return ErrPermissions
		}
		for j, t := range s.Topics {
			if j > 0 && t.Topic <= s.Topics[j-1].Topic || t.Rights&^topicRightsAll != 0 {
				return ErrPermissions
			}
		}
	}
	return nil
}

// Optional permissions in commands and snapshots:
//
//	size  field
//	   1  present    0 or 1; nothing follows 0
//	   2  global     GlobalRights
//	   4  streams    count, ascending by stream id, each:
//	        4  stream id    8  since    1  StreamRights    4  topics, count, ascending by topic id, each:
//	             4  topic id    8  since    1  TopicRights
//
// There is no since in commands of version 1 and snapshots of version 2.
func appendPermissions(dst []byte, p *Permissions) []byte {
	if p == nil {
		return append(dst, 0)
	}
	dst = le.AppendUint16(append(dst, 1), uint16(p.Global))
	dst = le.AppendUint32(dst, uint32(len(p.Streams)))
	for _, s := range p.Streams {
		dst = append(le.AppendUint64(le.AppendUint32(dst, uint32(s.Stream)), s.Since), byte(s.Rights))
		dst = le.AppendUint32(dst, uint32(len(s.Topics)))
		for _, t := range s.Topics {
			dst = append(le.AppendUint64(le.AppendUint32(dst, uint32(t.Topic)), t.Since), byte(t.Rights))
		}
	}
	return dst
}

func (d *decoder) permissions(withSince bool) *Permissions {
	if !d.bool() {
		return nil
	}
	p := &Permissions{Global: GlobalRights(d.u16())}
	p.Streams = make([]StreamPermissions, d.count(9))
	for i := range p.Streams {
		s := &p.Streams[i]
		s.Stream, s.Since, s.Rights = StreamID(d.u32()), d.sinceIf(withSince), StreamRights(d.u8())
		if n := d.count(5); n > 0 {
			s.Topics = make([]TopicPermissions, n)
		}
		for j := range s.Topics {
			s.Topics[j] = TopicPermissions{TopicID(d.u32()), d.sinceIf(withSince), TopicRights(d.u8())}
		}
	}
	return p
}

func (d *decoder) sinceIf(there bool) uint64 {
	if !there {
		return 0
	}
	return d.u64()
}
