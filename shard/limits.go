package shard

import (
	"sync/atomic"

	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
)

// Limits bound what clients can make the broker keep. Zero values take the protocol's own bounds, or none.
type Limits struct {
	ConnectionsPerAddressMax int
	StreamsMax               int
	TopicsMax                int // per stream
	PartitionsMax            int // per topic
	UsersMax                 int
	TokensMax                int   // per user
	GroupsMax                int   // per topic
	MembersMax               int   // per group
	NameBytesMax             int   // of streams, topics, groups and tokens
	RequestsInFlightMax      int   // of connections that are logged in; each shard has an equal part; 0: one for each connection
	ConsumersPerLogMax       int   // with stored offsets, of a partition
	MetadataBytesMax         int64 // of the heap for metadata, in all shards; 0: metadataDefault
	ConnectionBytesMax       int   // received by a connection and not answered; 0: the largest frame, and what may be sent ahead

	inFlightOfShard int
}

// metadataDefault is the line of metadata where nobody says how large the machine is.
const metadataDefault = 64 << 20

// Defaults sets what is zero, and each shard's part.
func (l *Limits) Defaults(shards, frameBytesMax int) {
	set := func(v *int, most int) {
		if *v == 0 || *v > most {
			*v = most
		}
	}
	set(&l.StreamsMax, metadata.StreamsMax)
	set(&l.TopicsMax, metadata.TopicsMax)
	set(&l.PartitionsMax, metadata.PartitionsMax)
	set(&l.UsersMax, metadata.UsersMax)
	set(&l.GroupsMax, metadata.GroupsMax)
	set(&l.MembersMax, metadata.MembersMax)
	set(&l.NameBytesMax, 255)
	if l.MetadataBytesMax == 0 {
		l.MetadataBytesMax = metadataDefault
	}
	set(&l.ConnectionBytesMax, frameBytesMax+front.AheadMax)
	l.inFlightOfShard = (l.RequestsInFlightMax + shards - 1) / shards
	if l.TokensMax == 0 {
		l.TokensMax = 100
	}
}

// LimitCounts says how often each limit refused something. FrameSize counts sizes beyond the limit, or that no frame has; Memory
// requests that had to wait, or were refused, because the memory for requests was used up; RequestsInFlight those that had to
// wait; ConnectionMemory frames that were refused, and times that a connection had to stop sending ahead.
type LimitCounts struct {
	Connections, ConnectionsPerAddress, FrameSize, Streams, Topics, Partitions, Users, Tokens, Groups, Members, NameLength, Memory, RequestsInFlight, ConnectionMemory, Metadata uint64
}

// limitCounters counts what limits refused, on any shard.
type limitCounters struct {
	connections, connectionsPerAddress, frameSize, streams, topics, partitions, users, tokens, groups, members, nameLength, memory, requestsInFlight, connectionMemory, metadata atomic.Uint64
}

// LimitCounts says how often each limit refused something since the start.
func (g *Group) LimitCounts() LimitCounts {
	l := &g.limits
	return LimitCounts{Connections: l.connections.Load(), ConnectionsPerAddress: l.connectionsPerAddress.Load(), FrameSize: l.frameSize.Load(),
		Streams: l.streams.Load(), Topics: l.topics.Load(), Partitions: l.partitions.Load(), Users: l.users.Load(), Tokens: l.tokens.Load(),
		Groups: l.groups.Load(), Members: l.members.Load(), NameLength: l.nameLength.Load(), Memory: l.memory.Load(),
		RequestsInFlight: l.requestsInFlight.Load(), ConnectionMemory: l.connectionMemory.Load(), Metadata: l.metadata.Load()}
}

// addFront counts what the limits of the front have refused since they were was.
func (l *limitCounters) addFront(n, was front.Refusals) {
	l.frameSize.Add(n.FrameSize - was.FrameSize)
	l.connectionMemory.Add(n.ConnectionMemory - was.ConnectionMemory)
	l.memory.Add(n.Memory - was.Memory)
	l.requestsInFlight.Add(n.InFlight - was.InFlight)
}

// addCalls counts what limits have refused to commands.
func (l *limitCounters) addCalls(n call.Refusals) {
	l.streams.Add(n.Streams)
	l.topics.Add(n.Topics)
	l.partitions.Add(n.Partitions)
	l.users.Add(n.Users)
	l.tokens.Add(n.Tokens)
	l.groups.Add(n.Groups)
	l.members.Add(n.Members)
	l.nameLength.Add(n.NameLength)
	l.memory.Add(n.Memory)
	l.metadata.Add(n.Metadata)
}
