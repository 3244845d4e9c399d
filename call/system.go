package call

import (
	"net/netip"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

func ping(r *Room, c *Call, _ *wire.Request) { r.replyEmpty(c) }

// getClusterMetadata names this node and no other, by the address at which this client has reached it. The names are those that
// clients of a single node know.
func getClusterMetadata(r *Room, c *Call, _ *wire.Request) {
	if !r.may(c, metadata.ActionGetClusterMetadata, 0, 0) {
		return
	}
	r.ask(c, Ask{Kind: AskAddress}, func(a *Answer) {
		at, _ := netip.ParseAddrPort(a.Address)
		host := ""
		if at.IsValid() {
			host = at.Addr().String()
		}
		r.answer(c, &wire.ClusterMetadata{Name: "single-node",
			Nodes: []wire.Node{{Name: "iggy-node", IP: host, TCPPort: at.Port(), Role: wire.NodeLeader, Status: wire.NodeHealthy}}})
	})
}

func describeOptions(r *Room, c *Call, in *wire.Request) {
	d := in.Form.(*wire.DescribeOptions)
	if !r.may(c, metadata.ActionDescribeOptions, 0, 0) {
		return
	}
	var options wire.OptionDescriptions
	if d.Scope == wire.ScopeTopic {
		for _, o := range metadata.TopicOptions() {
			options = append(options, wire.OptionDescription{Key: o.Key, Kind: wire.ValueKind(o.Kind), Default: o.Value,
				Description: o.Description})
		}
	}
	r.answer(c, &options)
}

// getSnapshotFile has the archive made outside the shard: it looks at files and processes.
func getSnapshotFile(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.GetSnapshotFile)
	if !r.may(c, metadata.ActionGetSnapshot, 0, 0) {
		return
	}
	r.ask(c, Ask{Kind: AskArchive, Archive: g}, func(a *Answer) {
		if !a.OK {
			r.refuse(c, wire.StatusSnapshotFileCompletionFailed)
			return
		}
		if a.Err != nil || len(a.Archive) > r.cfg.FrameBytesMax-c.Peer.Dialect.HeadBytes() {
			r.note(News{Kind: ArchiveFailed, Bytes: len(a.Archive), Err: a.Err})
			r.refuse(c, wire.StatusSnapshotFileCompletionFailed)
			return
		}
		r.success(c, nil)
		r.reply(c, a.Archive)
	})
	r.dropFrame(c)
}

// getStats reads what the system says outside the shard: files of /proc take their time.
func getStats(r *Room, c *Call, _ *wire.Request) {
	if !r.may(c, metadata.ActionGetStats, 0, 0) {
		return
	}
	r.lists.start(c, &listing{step: addAll, end: func(l *listing) { r.replyStats(c, l.sum) }})
}

func (r *Room) replyStats(c *Call, sum storage.LogStats) {
	w := &wire.Stats{Clients: uint32(r.world.Clients.Count()), ConsumerGroups: uint32(r.meta.GroupCount()), Streams: uint32(r.meta.StreamCount()), ServerVersion: r.cfg.Version,
		ServerSemver: r.cfg.Semver}
	w.Topics, w.Partitions = uint32(r.meta.TopicCount()), uint32(r.meta.LogCount())
	w.MessagesSizeBytes, w.Messages, w.Segments = sum.Bytes, sum.Records, sum.Segments
	r.ask(c, Ask{Kind: AskStats, Stats: w}, func(*Answer) { r.answer(c, w) })
}
