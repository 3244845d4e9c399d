package shard

import (
	"net/netip"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

func ping(s *Shard, q *request, _ *wire.Request) { s.replyEmpty(q) }

// getClusterMetadata names this node and no other, by the address at which this client has reached it. The names are those that
// clients of a single node know.
func getClusterMetadata(s *Shard, q *request, _ *wire.Request) {
	if !s.may(q, metadata.ActionGetClusterMetadata, 0, 0) {
		return
	}
	at, _ := netip.ParseAddrPort(s.front.LocalName(&q.Exchange))
	host := ""
	if at.IsValid() {
		host = at.Addr().String()
	}
	s.answer(q, &wire.ClusterMetadata{Name: "single-node",
		Nodes: []wire.Node{{Name: "iggy-node", IP: host, TCPPort: at.Port(), Role: wire.NodeLeader, Status: wire.NodeHealthy}}})
}

func describeOptions(s *Shard, q *request, r *wire.Request) {
	d := r.Form.(*wire.DescribeOptions)
	if !s.may(q, metadata.ActionDescribeOptions, 0, 0) {
		return
	}
	var options wire.OptionDescriptions
	if d.Scope == wire.ScopeTopic {
		for _, o := range metadata.TopicOptions() {
			options = append(options, wire.OptionDescription{Key: o.Key, Kind: wire.ValueKind(o.Kind), Default: o.Value,
				Description: o.Description})
		}
	}
	s.answer(q, &options)
}

// getSnapshotFile has the archive made outside the shard: it looks at files and processes.
func getSnapshotFile(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.GetSnapshotFile)
	if !s.may(q, metadata.ActionGetSnapshot, 0, 0) {
		return
	}
	made := s.g.host.Archive(*g, func(archive []byte, err error) {
		s.Post(func(s *Shard) {
			if err != nil || len(archive) > s.cfg.FrameBytesMax-q.Peer.Dialect.HeadBytes() {
				if s.due(evSnapshotFailed) {
					s.logEvent(evSnapshotFailed, zap.Int("bytes", len(archive)), zap.Error(err))
				}
				s.refuse(q, wire.StatusSnapshotFileCompletionFailed)
				return
			}
			s.success(q, nil)
			s.reply(q, archive)
		})
	})
	if !made {
		s.refuse(q, wire.StatusSnapshotFileCompletionFailed)
		return
	}
	s.dropFrame(q)
}

// getStats reads what the system says outside the shard: files of /proc take their time.
func getStats(s *Shard, q *request, _ *wire.Request) {
	if !s.may(q, metadata.ActionGetStats, 0, 0) {
		return
	}
	s.list(q, &listing{step: addAll, end: func(s *Shard, l *listing) { s.replyStats(q, l.sum) }})
}

func (s *Shard) replyStats(q *request, sum storage.LogStats) {
	w := &wire.Stats{Clients: uint32(s.g.registry.count()), ConsumerGroups: uint32(s.meta.GroupCount()), Streams: uint32(s.meta.StreamCount()), ServerVersion: s.cfg.Version,
		ServerSemver: s.cfg.Semver}
	w.Topics, w.Partitions = uint32(s.meta.TopicCount()), uint32(s.meta.LogCount())
	w.MessagesSizeBytes, w.Messages, w.Segments = sum.Bytes, sum.Records, sum.Segments
	s.g.host.Stats(w, func() {
		s.Post(func(s *Shard) { s.answer(q, w) })
	})
}
