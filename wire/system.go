package wire

// Login opens a session, by password or by token.
type Login struct {
	Protocol   uint32 // packed version, see the dialect
	SDKName    []byte // for logs only
	SDKVersion []byte // for logs only

	ByToken  bool
	Username []byte
	Password []byte
	Token    []byte
}

// LoginReply answers Login.
type LoginReply struct {
	UserID        uint32 // root is 0
	Session       uint64 // above 0, and above that of every login before
	Protocol      uint32
	ServerVersion string // not empty
}

// NodeRole and NodeStatus are those of a node in ClusterMetadata.
type (
	NodeRole   uint8
	NodeStatus uint8
)

// Roles and states of a node.
const (
	NodeLeader   NodeRole = 0
	NodeFollower NodeRole = 1

	NodeHealthy     NodeStatus = 0
	NodeStarting    NodeStatus = 1
	NodeStopping    NodeStatus = 2
	NodeUnreachable NodeStatus = 3
	NodeMaintenance NodeStatus = 4
)

// Node is one server of a cluster. Port 0: that transport is off.
type Node struct {
	Name, IP                                   string
	TCPPort, QUICPort, HTTPPort, WebSocketPort uint16
	Role                                       NodeRole
	Status                                     NodeStatus
}

// ClusterMetadata answers CodeGetClusterMetadata. A server that stands alone names itself and nobody else: clients
// go looking for a leader when they see more nodes, and fail when they see none.
type ClusterMetadata struct {
	Name  string
	Nodes []Node
}

// Transport is how a client is connected.
type Transport uint8

// Transports.
const (
	TransportTCP       Transport = 1
	TransportQUIC      Transport = 2
	TransportHTTP      Transport = 3
	TransportWebSocket Transport = 4
)

// NoUser is the user id of a client that has not logged in.
const NoUser uint32 = 0xFFFFFFFF

// Client is one connection in GET_ME, GET_CLIENT and GET_CLIENTS.
type Client struct {
	ID          uint32 // above 0
	UserID      uint32 // or NoUser
	Transport   Transport
	Address     string // ip:port of the peer
	GroupsCount uint32
}

// Membership is one consumer group that a client has joined.
type Membership struct {
	StreamID, TopicID, GroupID uint32
}

// ClientDetails is a client with its memberships, GroupsCount of them.
type ClientDetails struct {
	Client
	Memberships []Membership
}

// GetClient asks for a client by its number.
type GetClient struct {
	ID uint32
}

// CacheMetrics is one partition's line of Stats.
type CacheMetrics struct {
	StreamID, TopicID, PartitionID uint32
	Hits, Misses                   uint64
	HitRatio                       float32
}

// Stats answers CodeGetStats.
type Stats struct {
	ProcessID                                                 uint32
	CPUPercent, TotalCPUPercent                               float32
	MemoryBytes, TotalMemoryBytes, AvailableMemoryBytes       uint64
	RunTimeMicros, StartTimeMicros                            uint64
	ReadBytes, WrittenBytes, MessagesSizeBytes                uint64
	Streams, Topics, Partitions, Segments                     uint32
	Messages                                                  uint64
	Clients, ConsumerGroups                                   uint32
	Hostname, OSName, OSVersion, KernelVersion, ServerVersion string // none empty
	ServerSemver                                              uint32 // major*1000000 + minor*1000 + patch; 0 for none
	Caches                                                    []CacheMetrics
	Threads                                                   uint32
	FreeDiskBytes, TotalDiskBytes                             uint64
}

// OptionScope is what options are described for.
type OptionScope uint8

// Scopes of options.
const (
	ScopeTopic  OptionScope = 1
	ScopeStream OptionScope = 2
	ScopeUser   OptionScope = 3
)

// DescribeOptions asks which options a scope has.
type DescribeOptions struct {
	Scope OptionScope
}

// OptionDescription is one option that the server accepts.
type OptionDescription struct {
	Key         string
	Kind        ValueKind
	Default     []byte // a value of that kind
	Description string
}

// SnapshotCompression is how the entries of a snapshot's archive are packed.
type SnapshotCompression uint8

// Ways to pack.
const (
	SnapshotStored  SnapshotCompression = 1
	SnapshotDeflate SnapshotCompression = 2
	SnapshotBzip2   SnapshotCompression = 3
	SnapshotZstd    SnapshotCompression = 4
	SnapshotLZMA    SnapshotCompression = 5
	SnapshotXZ      SnapshotCompression = 6
)

// SnapshotType is one thing that a snapshot may tell.
type SnapshotType uint8

// What a snapshot may tell.
const (
	SnapshotFilesystemOverview SnapshotType = 1
	SnapshotProcessList        SnapshotType = 2
	SnapshotResourceUsage      SnapshotType = 3
	SnapshotTest               SnapshotType = 4
	SnapshotServerLogs         SnapshotType = 5
	SnapshotServerConfig       SnapshotType = 6
	SnapshotAll                SnapshotType = 100 // alone; all of the above but SnapshotTest
)

// Known says whether t is one of them.
func (t SnapshotType) Known() bool {
	return t >= SnapshotFilesystemOverview && t <= SnapshotServerConfig || t == SnapshotAll
}

// GetSnapshotFile asks for an archive that tells how the server does. Types may repeat, and there may be none.
type GetSnapshotFile struct {
	Compression SnapshotCompression
	Types       []SnapshotType
}
