package shard

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
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
	row := &rowOf(q.code).quota
	if q.conn == nil || row.exists != nil && row.exists(&q.demand, l.s.meta) {
		return nil // the broker's own, or the command's own refusal
	}
	tooMany := row.tooMany
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
