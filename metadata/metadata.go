// Package metadata knows which streams, topics, partitions, consumer groups and users exist, as a deterministic state
// machine.
//
// The machine takes commands as bytes, in the order of the metadata log, and changes only by them: no clock, no
// randomness, no I/O, and no order that depends on a map. So every shard keeps a replica of its own, and replicas that
// applied the same commands are equal byte for byte (AppendSnapshot). Apply checks everything against the state; who
// proposes a command need not have looked.
//
// It names logs: a partition's life has a log id, given out here and never reused. A deleted or purged log stays on the
// list of retired ids until its owner has confirmed that the files are gone.
//
// It judges rights (User.May) and does not enforce them: Apply does not know who proposed a command.
//
// It leaves to others: where its own log lies, which shard owns a partition, passwords and tokens (it keeps their hashes),
// consumer offsets.
package metadata

import "errors"

type (
	// StreamID numbers a stream; the lowest free number is taken, numbers of deleted streams come back.
	StreamID uint32
	// TopicID numbers a topic inside its stream, by the same rule.
	TopicID uint32
	// PartitionID numbers a partition inside its topic: 0 to n-1, added and removed at the top.
	PartitionID uint32
	// GroupID numbers a consumer group inside its topic: one above the last that was ever made there.
	GroupID uint32
	// MemberID numbers a member inside its group, by the rule of streams.
	MemberID uint32
	// UserID numbers a user, by the rule of streams. The root user is 0.
	UserID uint32
	// LogID names one partition's life and is never reused. 0 is no log.
	LogID uint64
	// Micros is a moment: microseconds since 1970.
	Micros uint64
)

// RootID is the user that is created first, may do everything and cannot be deleted.
const RootID UserID = 0

// Limits of the state; each is refused with an error of its own.
const (
	StreamsMax          = 1 << 20
	TopicsMax           = 4096      // per stream
	PartitionsMax       = 1_000_000 // per topic
	PartitionsOnceMax   = 1000      // created or deleted by one command
	GroupsMax           = 1 << 16   // per topic
	MembersMax          = 1 << 16   // per group
	UsersMax            = 1 << 16
	TokensMax           = 1000     // per user
	OptionsMax          = 1024     // entries in one options block
	OptionsBytesMax     = 100_000  // of one options block, as the protocol encodes it
	PreallocateBytesMax = 64 << 30 // segment size times partitions of a topic that preallocates
	nameBytesMax        = 255      // stream, topic, group, token
	logIDMax            = 1 << 48
	usernameBytesMin    = 3
	usernameBytesMax    = 50
	passwordPHCMax      = 512
	permissionsMax      = StreamsMax // stream entries, topic entries of each
)

// What Apply and the look-ups refuse. Each has one cause, and one status code in each dialect.
var (
	ErrStreamNotFound    = errors.New("metadata: no such stream")
	ErrStreamNameExists  = errors.New("metadata: stream name is taken")
	ErrStreamName        = errors.New("metadata: stream name is not 1 to 255 bytes of UTF-8")
	ErrTooManyStreams    = errors.New("metadata: no more streams")
	ErrTopicNotFound     = errors.New("metadata: no such topic")
	ErrTopicNameExists   = errors.New("metadata: topic name is taken in this stream")
	ErrTopicName         = errors.New("metadata: topic name is not 1 to 255 bytes of UTF-8")
	ErrTooManyTopics     = errors.New("metadata: no more topics in this stream")
	ErrTopicSize         = errors.New("metadata: maximum topic size is below the segment size, or below 1 MiB for each partition")
	ErrPartitionNotFound = errors.New("metadata: no such partition")
	ErrTooManyPartitions = errors.New("metadata: partition count of one request is 0 where not allowed, or above 1000")
	ErrPartitionsCount   = errors.New("metadata: partition count is impossible")
	ErrPartitionIDs      = errors.New("metadata: no partition ids left in this topic")
	ErrGroupNotFound     = errors.New("metadata: no such consumer group")
	ErrGroupExists       = errors.New("metadata: group name is taken in this topic")
	ErrGroupName         = errors.New("metadata: group name is not 1 to 255 bytes of UTF-8")
	ErrTooManyGroups     = errors.New("metadata: no more consumer groups in this topic")
	ErrNotMember         = errors.New("metadata: not a member of this group")
	ErrTooManyMembers    = errors.New("metadata: no more members in this group")
	ErrOptionKey         = errors.New("metadata: option key is unknown or not allowed here")
	ErrOptionValue       = errors.New("metadata: option value is not acceptable")
	ErrOptionsTooLarge   = errors.New("metadata: options block is too large")
	ErrOptionsMalformed  = errors.New("metadata: option key occurs twice")
	ErrUserNotFound      = errors.New("metadata: no such user")
	ErrUsername          = errors.New("metadata: user name is not 3 to 50 bytes of UTF-8")
	ErrPassword          = errors.New("metadata: password hash is empty or too long")
	ErrPasswordChanged   = errors.New("metadata: password was not the one that the change was checked against")
	ErrUserStatus        = errors.New("metadata: user status is unknown")
	ErrUserExists        = errors.New("metadata: user name is taken")
	ErrTooManyUsers      = errors.New("metadata: no more users")
	ErrLastManagerOff    = errors.New("metadata: the last active user who may manage users cannot be switched off")
	ErrDeleteLastManager = errors.New("metadata: the last active user who may manage users cannot be deleted")
	ErrLastManagerRights = errors.New("metadata: the last active user who may manage users cannot lose that right")
	ErrDeleteRoot        = errors.New("metadata: the root user cannot be deleted")
	ErrRootPermissions   = errors.New("metadata: the root user's permissions cannot be changed")
	ErrPermissions       = errors.New("metadata: permission entries are not in ascending order")
	ErrTokenNotFound     = errors.New("metadata: user has no such token")
	ErrTokenExists       = errors.New("metadata: token name is taken by another token of this user")
	ErrTokenName         = errors.New("metadata: token name is not 1 to 255 bytes of UTF-8")
	ErrTokenHash         = errors.New("metadata: token hash is known already")
	ErrTooManyTokens     = errors.New("metadata: no more tokens for this user")
)

// What only a fault of our own or of the disk can bring about.
var (
	ErrCommand    = errors.New("metadata: command cannot be decoded")
	ErrStale      = errors.New("metadata: command was applied before")
	ErrLogNever   = errors.New("metadata: log id was never given out")
	ErrSessions   = errors.New("metadata: session numbers are reserved already")
	ErrSnapshot   = errors.New("metadata: snapshot is damaged")
	ErrOldVersion = errors.New("metadata: snapshot was written before the first release and cannot be read any more")
)
