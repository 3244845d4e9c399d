package config

import (
	"strings"

	"github.com/galgo-mq/galgo/metadata"
)

const (
	shardsMax    = 256 // what the broker can join
	tokensMax    = 1000
	groupsMax    = 1 << 16
	consumersMax = 1 << 16
	membersMax   = 1 << 16
	nameBytesMax = 255 // what the protocol can say
)

// setting is one thing that can be said about the server.
type setting struct {
	key    string // in the file, tables by dots
	kind   string // of its value, for people
	help   string
	secret bool // never a flag, never written anywhere
	first  bool // about the first user: read always, judged by the start that makes it
	parse  func(text string) error
	show   func() string
}

// env is the name of the environment variable.
func (s *setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// flag is the name of the flag.
func (s *setting) flag() string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(s.key)
}

// settings lists everything that can be said, bound to the fields of c.
func (c *Config) settings() []setting {
	return []setting{
		named(text("data_dir", "path", &c.DataDir, "where the data lies; made if it is missing")),
		choice("io", &c.IO, "how the kernel is asked for reads and writes: auto takes io_uring where it is allowed, and epoll otherwise",
			"auto", "uring", "epoll").also("io_uring", "uring"),
		auto(&c.Shards, count("shards", &c.Shards, 1, shardsMax, "threads that serve, each with a core, a journal and partitions of its own; auto: one per core that the process may use")),
		cpuList("cpus", &c.CPUs, "cores to serve on, as in 0-3,6; auto: all that the process may use"),
		choice("pin", &c.Pin, "bind each shard to its core; auto: yes, unless there are more shards than cores or a CPU quota is shared with others",
			"auto", "true", "false"),
		auto(&c.Memory, size("memory", &c.Memory, 64<<20, 1<<50, "memory for messages, outside the Go heap; auto: a quarter of the machine's or, if that is less, of the container's")),
		auto(&c.JournalSize, size("journal_size", &c.JournalSize, 8<<20, 8<<30, "disk for the journal of each shard; another size holds from the next start on; auto: what there is stays, and a new one gets a sixteenth of the filesystem over all shards, at most 256 MiB each")),
		choice("journal_writes", &c.JournalWrites, "how the journal reaches the disk, around the page cache or through it; auto: the start measures which is faster on this filesystem",
			"auto", "direct", "buffered"),
		level("replicated", &c.Replicated, "when a message of a topic with durability replicated, the default, is acknowledged: persisted on stable storage, written to the kernel, or held in memory"),
		duration("written_loss_bound", &c.WrittenLossBound, "10ms", "1m", "what a power cut may take of topics with durability written"),
		duration("retention_interval", &c.RetentionInterval, "100ms", "24h", "how often messages are removed that are too old or too many"),
		duration("retention.offsets_hold", &c.OffsetsHold, "0s", "87600h", "how long a stored offset that has not moved keeps messages that are expired and were not read by then; 0s: not at all; a topic's option offsets_hold goes first"),
		size("frame_size_max", &c.FrameSizeMax, 64<<10, 256<<20, "largest request that is accepted"),
		count("connections_max", &c.ConnectionsMax, 1, 1_000_000, "connections at a time"),
		duration("handshake_timeout", &c.HandshakeTimeout, "100ms", "1h", "how long a connection may be without a login or an answered request before it is closed"),
		duration("request_timeout", &c.RequestTimeout, "100ms", "1h", "for each MiB of a large request to arrive, and for the rest of a small one; a whole request has so long, and a second more for each 256KiB"),
		duration("send_timeout", &c.SendTimeout, "100ms", "1h", "for a client to read its reply"),
		duration("shutdown_timeout", &c.ShutdownTimeout, "1s", "1h", "how long an orderly end may take: what is still busy a little before then is given up, and after it the process ends with code 1"),
		duration("hash_timeout", &c.HashTimeout, "100ms", "10m", "how long hashing a password may take until the hashing process is replaced"),
		boolean("retry_fenced", &c.RetryFenced, "try partitions again that were set aside because they made the server panic in three starts in a row; for one start, with a version that has the fault mended"),
		boolean("accept_loss", &c.AcceptLoss, "go on without journal files that the last run had and that are not there: messages, offsets and metadata that only they held are lost, and logs go on at much higher offsets; for one start"),
		boolean("heartbeat.enabled", &c.HeartbeatEnabled, "whether a member of a consumer group that is silent loses its place"),
		duration("heartbeat.interval", &c.HeartbeatInterval, "100ms", "24h", "how often a member has to be heard of; it is given up after 1.2 times as long"),
		count("personal_access_token.max_tokens_per_user", &c.TokensPerUserMax, 1, tokensMax, "tokens that a user may have"),
		duration("personal_access_token.cleaner_interval", &c.TokenCleanerInterval, "100ms", "24h", "how often expired tokens are removed"),
		duration("consumer_group.rebalancing_timeout", &c.RebalancingTimeout, "100ms", "1h", "how long a member may take to give up a partition that goes to another"),
		duration("poll.hold", &c.PollHold, "0s", "1s", "how long a poll that finds nothing may wait for a message before it is answered; 0s: not at all; 20ms makes consumers that poll without a pause cheap"),
		count("limits.connections_per_address", &c.ConnectionsPerAddressMax, 0, 1_000_000, "connections at a time from one address; 0: as many as connections_max"),
		count("limits.streams", &c.StreamsMax, 1, metadata.StreamsMax, "streams"),
		count("limits.topics_per_stream", &c.TopicsMax, 1, metadata.TopicsMax, "topics of a stream"),
		count("limits.partitions_per_topic", &c.PartitionsMax, 1, metadata.PartitionsMax, "partitions of a topic"),
		count("limits.users", &c.UsersMax, 1, metadata.UsersMax, "users"),
		count("limits.groups_per_topic", &c.GroupsMax, 1, groupsMax, "consumer groups of a topic"),
		count("limits.members_per_group", &c.MembersMax, 1, membersMax, "members of a consumer group"),
		count("limits.name_bytes", &c.NameBytesMax, 1, nameBytesMax, "bytes in the name of a stream, a topic, a group or a token"),
		count("limits.requests_in_flight", &c.RequestsInFlightMax, 0, 1_000_000, "requests of clients that are logged in, handled at a time, an equal part by each shard; others wait; 0: one for each connection"),
		auto(&c.ConnectionMemory, size("limits.connection_memory", &c.ConnectionMemory, 128<<10, 1<<40, "what a connection may send that is not answered yet: one request, and 64KiB ahead; auto: 64KiB more than frame_size_max")),
		count("limits.consumers_per_log", &c.ConsumersPerLogMax, 1, consumersMax, "consumers of a partition that have an offset stored"),
		auto(&c.MetadataBytes, size("limits.metadata_bytes", &c.MetadataBytes, 1<<20, 1<<40, "memory for streams, topics, partitions, groups, members, users and tokens, in the heap of all shards together; what is beyond is refused; auto: an eighth of the machine's or, if that is less, of the container's")),
		address("tcp.address", &c.TCPAddress, "host and port for clients; port 0 takes a free one"),
		duration("tcp.keepalive_idle", &c.KeepaliveIdle, "0s", "2h", "how long a connection may be silent until the kernel asks whether its peer is there; 0s: it never asks"),
		duration("tcp.keepalive_interval", &c.KeepaliveInterval, "1s", "1h", "how often it asks again while there is no answer"),
		duration("tcp.user_timeout", &c.UserTimeout, "0s", "1h", "how long a peer may leave unacknowledged what was sent or asked, or its window closed, until the connection ends; 0s: as long as the kernel has it"),
		choice("log.level", &c.LogLevel, "least important lines that are logged", "debug", "info", "warn", "error"),
		choice("log.format", &c.LogFormat, "for people, or for programs", "console", "json"),
		optional(address("pprof.address", &c.PprofAddress, "host and port for Go profiles, for operators; no host means this machine only; empty: off")),
		firstUser(username("root.username", &c.RootUsername, "name of the first user, made when the data directory is new")),
		firstUser(text("root.password_file", "path", &c.RootPasswordFile, "file with the password of the first user; without it, and without GALGO_ROOT_PASSWORD, one is made up and printed once")),
		firstUser(password("root.password", &c.RootPassword, "password of the first user, in the environment only")),
	}
}

func find(settings []setting, key string) *setting {
	for i := range settings {
		if settings[i].key == key {
			return &settings[i]
		}
	}
	return nil
}
