package shard

import (
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

// Hasher checks and hashes passwords outside the shards. Both run done on a goroutine of their own, or return an error at
// once when they are busy. Passwords are copied, or the caller's no more.
type Hasher interface {
	Verify(a Attempt, done func(ok bool)) error
	Hash(password []byte, done func(phc string, err error)) error
}

// Attempt is a password to be checked.
type Attempt struct {
	Account  string // as the client says it; it need not exist
	Address  string // of the client, without port
	PHC      string // the stored hash; empty: there is no such user, which takes as long and is false
	Password []byte
}

// RootCredentials make the first user of an empty data directory. PasswordPHC is called once, and only then.
type RootCredentials struct {
	Username    string
	PasswordPHC func() (string, error)
}

// Config is what a broker needs to know. Zero values of sizes and limits take the defaults.
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
	Limits           Limits

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
	Hasher            Hasher
	Log               *zap.Logger

	// WrapIO, for tests, puts something between a shard and the kernel. It is called once per shard, when that has its IO.
	WrapIO func(shard int, io uring.IO) uring.IO
}

const (
	defaultFrameBytesMax  = 64 << 20
	defaultConnectionsMax = 20000
	defaultHandshake      = 30 * time.Second
	logsPerSecond         = 20
	defaultRequestTimeout = 30 * time.Second
	defaultSendTimeout    = 30 * time.Second
	defaultShutdown       = time.Minute
	preLoginFrameMax      = 32 << 10 // with as much again that was sent ahead: 64 KiB a connection before login
	turnStall             = time.Millisecond
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
	c.Limits.defaults(len(c.CPUs), c.FrameBytesMax)
}
