package shard

import (
	"time"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/metadata"
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

// Config is what shards need to know.
type Config struct {
	DataDir          string
	Replicated       metadata.Level
	WrittenLossBound time.Duration
	FrameBytesMax    int
	ConnectionsMax   int
	Limits           Limits
	Protocols        []front.Protocol // what clients may speak, in the order in which their first bytes are looked at

	HeartbeatInterval    time.Duration // members of groups silent for 1.2 times as long are dropped; 0: never
	TokenCleanerInterval time.Duration
	RebalancingTimeout   time.Duration // of a hand-over that its member does not complete
	PollHold             time.Duration // how long a poll that finds nothing may wait

	ListBytesMax      int           // of the lists that a shard makes and sends at a time; 0: what the line for replies allows
	FilesMax          int           // descriptors of segments that each shard keeps open; 0: what the process's limit leaves
	HandshakeTimeout  time.Duration // until a connection that sends nothing useful is closed
	RequestTimeout    time.Duration // for each MiB of a large request, and for the rest of a small one; a whole one has a second more for each 256 KiB
	SendTimeout       time.Duration // for a client to read its reply
	ShutdownTimeout   time.Duration // for an orderly end; what is busy is given up a little before
	RetentionInterval time.Duration // how often limits of age and size are applied
	OffsetsHold       time.Duration // how long a stored offset that stands still keeps expired messages; 0: it does not
	Hasher            Hasher

	Version string // that clients are told
	Semver  uint32 // as clients compare it
}

const (
	logsPerSecond = 20
	turnStall     = time.Millisecond
)
