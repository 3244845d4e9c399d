package server

import (
	"cmp"
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

// Config is what a server needs to know, beside what its shards do. Zero values of sizes and limits take the defaults; Version and Semver
// are the server's to say.
type Config struct {
	shard.Config

	Address       string // host:port of the TCP listener; port 0 picks a free one
	KeepAlive     uring.KeepAlive
	IO            string // auto, uring or epoll
	CPUs          []int  // one per shard
	Pin           bool   // bind each shard to its CPU
	PinOrNot      bool   // go on unbound where the kernel refuses that
	MemoryBudget  int64  // bytes outside the Go heap
	JournalBytes  int64  // of the two journal files of a shard together
	JournalWrites string // auto, direct or buffered; empty: auto
	RetryFenced   bool   // lift the fences of logs that made the server panic
	AcceptLoss    bool   // go on without journals that the last run had and that are not there
	Root          RootCredentials
	Log           *zap.Logger

	// Snapshot makes the archive that GET_SNAPSHOT_FILE asks for; it runs on a goroutine of its own, one at a time. nil: there is
	// none.
	Snapshot func(g wire.GetSnapshotFile) ([]byte, error)

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
	defaultLossBound      = time.Second
	defaultTokenCleaner   = time.Minute
	defaultRebalancing    = 30 * time.Second
)

func (c *Config) defaults() {
	c.FrameBytesMax = cmp.Or(c.FrameBytesMax, defaultFrameBytesMax)
	c.ConnectionsMax = cmp.Or(c.ConnectionsMax, defaultConnectionsMax)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, defaultHandshake)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, defaultRequestTimeout)
	c.SendTimeout = cmp.Or(c.SendTimeout, defaultSendTimeout)
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, defaultShutdown)
	c.RetentionInterval = cmp.Or(c.RetentionInterval, defaultRetention)
	c.WrittenLossBound = cmp.Or(c.WrittenLossBound, defaultLossBound)
	c.TokenCleanerInterval = cmp.Or(c.TokenCleanerInterval, defaultTokenCleaner)
	c.RebalancingTimeout = cmp.Or(c.RebalancingTimeout, defaultRebalancing)
	if c.Replicated == 0 || c.Replicated == metadata.LevelReplicated {
		c.Replicated = metadata.LevelPersisted
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if len(c.CPUs) == 0 {
		c.CPUs = []int{0}
	}
	c.Limits.Defaults(len(c.CPUs), c.FrameBytesMax)
	if c.Protocols == nil {
		c.Protocols = Protocols()
	}
	c.Version, c.Semver = Version, versionNumber
}
