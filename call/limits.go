package call

import (
	"errors"

	"github.com/galgo-mq/galgo/metadata"
)

// Refusals count what limits have refused.
type Refusals struct {
	Streams, Topics, Partitions, Users, Tokens, Groups, Members, NameLength uint64
	Memory                                                                  uint64 // lists
	Metadata                                                                uint64
}

// HasRefusals reports whether TakeRefusals has something. It is asked each turn.
func (a *answers) HasRefusals() bool {
	n := &a.refused
	return n.Streams+n.Topics+n.Partitions+n.Users+n.Tokens+n.Groups+n.Members+n.NameLength+n.Memory+n.Metadata > 0
}

// TakeRefusals returns what has been counted since it was called last.
func (a *answers) TakeRefusals() Refusals {
	n := a.refused
	a.refused = Refusals{}
	return n
}

// count notes that a metadata command was refused for a limit, the machine's own or a configured one, and returns its name;
// empty: it was none.
func (n *Refusals) count(err error) string {
	if full := (*metadata.Full)(nil); errors.As(err, &full) {
		n.Metadata++
		return "limits.metadata_bytes"
	}
	switch err {
	case metadata.ErrTooManyStreams:
		n.Streams++
		return "limits.streams"
	case metadata.ErrTooManyTopics:
		n.Topics++
		return "limits.topics_per_stream"
	case metadata.ErrPartitionIDs, metadata.ErrTooManyPartitions:
		n.Partitions++
		return "limits.partitions_per_topic"
	case metadata.ErrTooManyUsers:
		n.Users++
		return "limits.users"
	case metadata.ErrTooManyTokens:
		n.Tokens++
		return "personal_access_token.max_tokens_per_user"
	case metadata.ErrTooManyGroups:
		n.Groups++
		return "limits.groups_per_topic"
	case metadata.ErrTooManyMembers:
		n.Members++
		return "limits.members_per_group"
	case metadata.ErrStreamName, metadata.ErrTopicName, metadata.ErrGroupName, metadata.ErrTokenName:
		n.NameLength++
		return "limits.name_bytes"
	}
	return ""
}

// nameAllowed judges the length of a new name by the configured limit.
func (r *Room) nameAllowed(name []byte) bool {
	if len(name) > r.cfg.NameBytesMax {
		r.refused.NameLength++
		return false
	}
	return true
}
