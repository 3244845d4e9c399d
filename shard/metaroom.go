package shard

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// Metadata is in the heap: a replica in every shard, a snapshot while it is written or read, and what the owner of a partition keeps of
// it. What would take it beyond its line is refused on shard 0 before the command is journaled, so what was accepted has room at the
// next start as well. What is there already stays, also under a lower limit; what makes it less is never refused.

const (
	// metadataDefault is the line where nobody says how large the machine is.
	metadataDefault = 64 << 20
	// logHeapBytes is what the owner of an empty partition keeps in the heap.
	logHeapBytes = 2 << 10
	// metaSayPause is the least time between two lines about metadata that was refused.
	metaSayPause = time.Minute
)

// metadataFull refuses a command for want of room in the line of metadata. Clients see the status for too many of what it makes.
type metadataFull struct{ tooMany error }

func (e *metadataFull) Error() string { return e.tooMany.Error() + ": limits.metadata_bytes" }
func (e *metadataFull) Unwrap() error { return e.tooMany }

// metadataBytes is what the state takes in this process, with so much more of it.
func (g *Group) metadataBytes(m *metadata.Machine, more, moreLogs int) int64 {
	copies := int64(len(g.shards)) + 1
	return int64(m.Bytes()+more)*copies + int64(m.LogCount()+moreLogs)*logHeapBytes
}

// roomForMetadata judges whether what a client's command adds has room in the line of metadata.
func (l *lead) roomForMetadata(q *request) error {
	if q.conn == nil || l.s.cfg.Limits.exists(l.s.meta, q.code, &q.demand) {
		return nil // the broker's own, or the command's own refusal
	}
	tooMany := tooManyOf(q.code)
	more, logs := l.s.meta.Growth(q.command)
	most := l.s.cfg.Limits.MetadataBytesMax
	if tooMany == nil || more == 0 {
		return nil
	}
	need := l.s.g.metadataBytes(l.s.meta, more, logs)
	if need <= most {
		return nil
	}
	if l.s.mono >= l.nextMeta {
		l.nextMeta = l.s.mono + int64(metaSayPause)
		l.s.log.Warn("metadata refused: no room for more streams, topics, partitions, groups, members, users or tokens; delete some, or raise limits.metadata_bytes",
			zap.String("event", "metadata_full"), zap.Uint32("code", uint32(q.code)), zap.Uint32("user", uint32(q.judgement.user)), zap.Int64("bytes", need), zap.Int64("max", most))
	}
	return &metadataFull{tooMany}
}

// tooManyOf is the error for too many of what a command makes or makes larger; nil: it makes nothing.
func tooManyOf(code wire.Code) error {
	switch code {
	case wire.CodeCreateStream, wire.CodeUpdateStream:
		return metadata.ErrTooManyStreams
	case wire.CodeCreateTopic, wire.CodeUpdateTopic:
		return metadata.ErrTooManyTopics
	case wire.CodeCreatePartitions:
		return metadata.ErrPartitionIDs
	case wire.CodeCreateUser, wire.CodeUpdateUser, wire.CodeUpdatePermissions:
		return metadata.ErrTooManyUsers
	case wire.CodeCreateToken:
		return metadata.ErrTooManyTokens
	case wire.CodeCreateConsumerGroup:
		return metadata.ErrTooManyGroups
	case wire.CodeJoinConsumerGroup:
		return metadata.ErrTooManyMembers
	}
	return nil
}

// exists reports whether what a command would make is there already: that is what its refusal is to say.
func (l *Limits) exists(m *metadata.Machine, code wire.Code, d *demand) bool {
	var err error
	switch code {
	case wire.CodeCreateStream:
		_, err = m.Stream(metadata.ByName(d.name))
	case wire.CodeCreateTopic:
		_, err = m.Topic(d.stream, metadata.ByName(d.name))
	case wire.CodeCreateUser:
		_, err = m.User(metadata.ByName(d.name))
	case wire.CodeCreateConsumerGroup:
		_, err = m.Group(d.stream, d.topic, metadata.ByName(d.name))
	case wire.CodeJoinConsumerGroup:
		g, missing := m.Group(d.stream, d.topic, d.group)
		if missing != nil {
			return false
		}
		_, in := g.Member(d.member)
		return in
	default:
		return false
	}
	return err == nil
}
