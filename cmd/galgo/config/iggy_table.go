package config

import "strings"

// iggyVariable is a variable of an Iggy server, or with a star at its end all that begin so, and what becomes of it here.
type iggyVariable struct {
	name    string
	setting string // key of ours that means the same
	means   string

	// What a duration of zero means, if it is not the shortest there is.
	off  string // key of ours that is false then
	rare bool   // as rarely as can be

	// missing says what there is not, if no setting of ours means the same. Without both, the variable is accepted and there
	// is nothing to say about it.
	missing string
	fine    string // value that asks for nothing that is missing
	refused bool   // asked for, it ends the start: asksForEncryption
	asleep  bool   // with a star: nothing of it counts before its _ENABLED is true
	envOnly bool   // never read from a file
}

// family is what the names begin with that a star stands for.
func (v *iggyVariable) family() (prefix string, ok bool) { return strings.CutSuffix(v.name, "*") }

const (
	missingRetention = "switching off retention, which is always on"
	missingLogFiles  = "log files: logs go to standard error"
	missingTopics    = "server-wide defaults of topics: give them with each topic"
	missingInternals = "tuning of internals that are built otherwise here"
)

// iggyVariables is all that is known of them. What stands first wins over what follows where both fit, and the last of
// two for one setting wins. docs/drop-in.md has the same table.
var iggyVariables = []iggyVariable{
	{name: "IGGY_TCP_ADDRESS", setting: "tcp.address", means: "host and port for clients; port 0 takes a free one"},
	{name: "IGGY_SYSTEM_PATH", setting: "data_dir", means: "the data directory; `local_data` unless set"},
	{name: "IGGY_ROOT_USERNAME", setting: "root.username", means: "name of the first user, 3 to 50 bytes; only with its password", envOnly: true},
	{name: "IGGY_ROOT_PASSWORD", setting: "root.password", means: "password of the first user, 3 to 100 bytes; only with its name", envOnly: true},
	{name: "IGGY_ROOT_PASSWORD_FILE", setting: "root.password_file", means: "file with that password, as container secrets are; Iggy has no such variable", envOnly: true},
	{name: "IGGY_SYSTEM_LOGGING_LEVEL", setting: "log.level", means: "least important lines that are logged; `trace` is `debug` here, and `off` is `error`"},
	{name: "RUST_LOG", setting: "log.level", means: "the same, and wins if it names a level for all modules, as in `warn` or `info,x=debug`", envOnly: true},
	{name: "IGGY_HEARTBEAT_ENABLED", setting: "heartbeat.enabled", means: "whether silent members of groups are given up"},
	{name: "IGGY_HEARTBEAT_INTERVAL", setting: "heartbeat.interval", means: "how often a member has to be heard of; zero: silent ones stay", off: "heartbeat.enabled"},
	{name: "IGGY_PERSONAL_ACCESS_TOKEN_MAX_TOKENS_PER_USER", setting: "personal_access_token.max_tokens_per_user", means: "tokens that a user may have"},
	{name: "IGGY_PERSONAL_ACCESS_TOKEN_CLEANER_INTERVAL", setting: "personal_access_token.cleaner_interval", means: "how often expired tokens are removed; zero: as rarely as there is", rare: true},
	{name: "IGGY_PERSONAL_ACCESS_TOKEN_CLEANER_ENABLED", means: "whether they are", missing: "switching off the removal of expired tokens, which is always on", fine: "true"},
	{name: "IGGY_CONSUMER_GROUP_REBALANCING_TIMEOUT", setting: "consumer_group.rebalancing_timeout", means: "how long a member may take to give up a partition"},
	{name: "IGGY_DATA_MAINTENANCE_MESSAGES_INTERVAL", setting: "retention_interval", means: "how often messages are removed that are too old or too many; zero: as rarely as there is", rare: true},
	{name: "IGGY_DATA_MAINTENANCE_MESSAGES_CLEANER_ENABLED", means: "whether they are", missing: missingRetention, fine: "true"},
	{name: "IGGY_MESSAGE_BUS_MAX_MESSAGE_SIZE", setting: "frame_size_max", means: "largest request that is accepted"},

	{name: "IGGY_CONFIG_PATH", means: "a TOML file in Iggy's layout; the key `tcp.address` in it is `IGGY_TCP_ADDRESS`", envOnly: true},
	{name: "IGGY_ENV_PATH", means: "a file of variables, `.env` unless set; the real environment wins", envOnly: true},
	{name: "IGGY_DISPLAY_CONFIG", means: "print the configuration at the start", envOnly: true},

	{name: "IGGY_TCP_ENABLED", means: "TCP", missing: "switching off TCP, the one transport there is", fine: "true"},
	{name: "IGGY_TCP_TLS_*", means: "TLS over TCP", refused: true, asleep: true},
	{name: "IGGY_TCP_SOCKET_*", means: "tuning of sockets in Iggy 0.8: needs none here"},
	{name: "IGGY_TCP_IPV6", means: "of Iggy 0.8: the address says it"},
	{name: "IGGY_QUIC_*", means: "QUIC", missing: "QUIC"},
	{name: "IGGY_WEBSOCKET_*", means: "WebSocket", missing: "WebSocket"},
	{name: "IGGY_HTTP_*", means: "HTTP, its metrics and the web console", missing: "HTTP"},
	{name: "IGGY_SYSTEM_ENCRYPTION_*", means: "encryption at rest", refused: true, asleep: true},
	{name: "IGGY_CLUSTER_*", means: "clustering", missing: "clustering: this is one node", asleep: true},
	{name: "IGGY_TELEMETRY_*", means: "OpenTelemetry", missing: "OpenTelemetry", asleep: true},

	{name: "IGGY_SYSTEM_RUNTIME_PATH", means: "where `current_config.toml` lies", missing: "another name for the directory runtime", fine: "runtime"},
	{name: "IGGY_SYSTEM_LOGGING_FILE_ENABLED", means: "whether there are log files", missing: missingLogFiles, fine: "false"},
	{name: "IGGY_SYSTEM_LOGGING_*", means: "log files and their rotation", missing: missingLogFiles},
	{name: "IGGY_SYSTEM_PARTITION_VALIDATE_CHECKSUM", means: "whether messages are verified when they are read", missing: "reading without verification", fine: "true"},
	{name: "IGGY_SYSTEM_SEGMENT_ARCHIVE_EXPIRED", means: "whether expired segments are kept elsewhere", missing: "archiving", fine: "false"},
	{name: "IGGY_SYSTEM_RECOVERY_RECREATE_MISSING_STATE", means: "what a start does with damage", missing: "making state up that is missing", fine: "false"},
	{name: "IGGY_SYSTEM_MEMORY_POOL_*", means: "memory for messages", missing: "Iggy's memory pool: GALGO_MEMORY says how much there is"},
	{name: "IGGY_SYSTEM_SHARDING_*", means: "threads", missing: "Iggy's sharding: GALGO_SHARDS and GALGO_CPUS say how many and where"},
	{name: "IGGY_SHARD_RUNTIME_CAPACITY", means: "size of the io_uring queue: chosen by the server"},
	{name: "IGGY_SYSTEM_MESSAGE_DEDUPLICATION_*", means: "dropping of repeated message ids", missing: "server-wide deduplication: give topics the option deduplication", asleep: true},
	{name: "IGGY_SYSTEM_COMPRESSION_*", means: "server-side compression", missing: "server-side compression"},
	{name: "IGGY_SYSTEM_STREAM_*", means: "defaults of topics", missing: missingTopics},
	{name: "IGGY_SYSTEM_TOPIC_*", means: "defaults of topics", missing: missingTopics},
	{name: "IGGY_SYSTEM_PARTITION_*", means: "defaults of topics", missing: missingTopics},
	{name: "IGGY_SYSTEM_SEGMENT_*", means: "defaults of topics", missing: missingTopics},
	{name: "IGGY_MESSAGE_SAVER_*", means: "when messages are written: what is acknowledged is safe at its topic's level", missing: "delayed saving: durability is the topic's level"},
	{name: "IGGY_SYSTEM_BACKUP_*", means: "directories of Iggy 0.8", missing: missingInternals},
	{name: "IGGY_SYSTEM_STATE_*", means: "state of Iggy 0.8", missing: missingInternals},
	{name: "IGGY_CONSUMER_GROUP_REBALANCING_CHECK_INTERVAL", means: "how often rebalances were looked at in Iggy 0.8: they need no looking here"},
	{name: "IGGY_METADATA_*", means: "queues", missing: missingInternals},
	{name: "IGGY_PARTITION_*", means: "queues and caches", missing: missingInternals},
	{name: "IGGY_MESSAGE_BUS_*", means: "queues", missing: missingInternals},

	{name: "IGGY_USERNAME", means: "for clients"},
	{name: "IGGY_PASSWORD", means: "for clients"},
	{name: "IGGY_HOME", means: "for clients"},
	{name: "IGGY_SERVER_HOST", means: "for clients"},
	{name: "IGGY_SERVER_TCP_PORT", means: "for clients"},
	{name: "IGGY_TEST_*", means: "for tests"},
	{name: "IGGY_CONNECTORS_*", means: "for other programs"},
	{name: "IGGY_MCP_*", means: "for other programs"},
}
