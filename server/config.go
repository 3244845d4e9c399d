package server

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// RootCredentials make the first user of an empty data directory. PasswordPHC is called once, and only then.
type RootCredentials struct {
	Username    string
	PasswordPHC func() (string, error)
}

// Config is what a server needs to know. Zero values of sizes and limits take the defaults.
type Config struct {
	DataDir          string
	Address          string // host:port of the TCP listener; port 0 picks a free one
	KeepAlive        uring.KeepAlive
	IO               string // auto, uring or epoll
	CPUs             []int  // one per shard
	Pin              bool   // bind each shard to its CPU
	PinOrNot         bool   // go on unbound where the kernel refuses that
	MemoryBudget     int64  // bytes outside the Go heap
	JournalBytes     int64  // of the two journal files of a shard together
	Replicated       metadata.Level
	WrittenLossBound time.Duration
	FrameBytesMax    int
	ConnectionsMax   int
	Limits           shard.Limits

	HeartbeatInterval    time.Duration // members of groups silent for 1.2 times as long are dropped; 0: never
	TokenCleanerInterval time.Duration
	RebalancingTimeout   time.Duration // of a hand-over that its member does not complete
	PollHold             time.Duration // how long a poll that finds nothing may wait

	// Snapshot makes the archive that GET_SNAPSHOT_FILE asks for; it runs on a goroutine of its own, one at a time. nil: there is
	// none.
	Snapshot func(g wire.GetSnapshotFile) ([]byte, error)

	ListBytesMax      int           // of the lists that a shard makes and sends at a time; 0: what the line for replies allows
	FilesMax          int           // descriptors of segments that each shard keeps open; 0: what the process's limit leaves
	HandshakeTimeout  time.Duration // until a connection that sends nothing useful is closed
	RequestTimeout    time.Duration // for each MiB of a large request, and for the rest of a small one
	SendTimeout       time.Duration // for a client to read its reply
	ShutdownTimeout   time.Duration // for an orderly end; what is busy is given up a little before
	RetentionInterval time.Duration // how often limits of age and size are applied
	OffsetsHold       time.Duration // how long a stored offset that stands still keeps expired messages; 0: it does not
	JournalWrites     string        // auto, direct or buffered; empty: auto
	RetryFenced       bool          // lift the fences of logs that made the server panic
	AcceptLoss        bool          // go on without journals that the last run had and that are not there
	Root              RootCredentials
	Hasher            shard.Hasher
	Log               *zap.Logger

	// WrapIO, for tests, puts something between a shard and the kernel. It is called once per shard, when that has its IO.
	WrapIO func(shard int, io uring.IO) uring.IO
}

const (
	defaultFrameBytesMax  = 64 << 20
	defaultConnectionsMax = 20000
	defaultHandshake      = 30 * time.Second
	defaultRequestTimeout = 30 * time.Second
	defaultSendTimeout    = 30 * time.Second
	defaultShutdown       = time.Minute
	defaultRetention      = time.Minute
)

func (c *Config) defaults() {
	if c.FrameBytesMax == 0 {
		c.FrameBytesMax = defaultFrameBytesMax
	}
	if c.ConnectionsMax == 0 {
		c.ConnectionsMax = defaultConnectionsMax
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = defaultHandshake
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = defaultRequestTimeout
	}
	if c.SendTimeout == 0 {
		c.SendTimeout = defaultSendTimeout
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = defaultShutdown
	}
	if c.RetentionInterval == 0 {
		c.RetentionInterval = defaultRetention
	}
	if c.Replicated == 0 || c.Replicated == metadata.LevelReplicated {
		c.Replicated = metadata.LevelPersisted
	}
	if c.WrittenLossBound == 0 {
		c.WrittenLossBound = time.Second
	}
	if c.TokenCleanerInterval == 0 {
		c.TokenCleanerInterval = time.Minute
	}
	if c.RebalancingTimeout == 0 {
		c.RebalancingTimeout = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if len(c.CPUs) == 0 {
		c.CPUs = []int{0}
	}
	c.Limits.Defaults(len(c.CPUs), c.FrameBytesMax)
}

// ofShards is what shards need to know.
func (c *Config) ofShards() shard.Config {
	return shard.Config{DataDir: c.DataDir, Replicated: c.Replicated, WrittenLossBound: c.WrittenLossBound, FrameBytesMax: c.FrameBytesMax,
		ConnectionsMax: c.ConnectionsMax, Limits: c.Limits, HeartbeatInterval: c.HeartbeatInterval, TokenCleanerInterval: c.TokenCleanerInterval,
		RebalancingTimeout: c.RebalancingTimeout, PollHold: c.PollHold, ListBytesMax: c.ListBytesMax, FilesMax: c.FilesMax,
		HandshakeTimeout: c.HandshakeTimeout, RequestTimeout: c.RequestTimeout, SendTimeout: c.SendTimeout, ShutdownTimeout: c.ShutdownTimeout,
		RetentionInterval: c.RetentionInterval, OffsetsHold: c.OffsetsHold, Hasher: c.Hasher, Version: Version, Semver: versionNumber}
}
