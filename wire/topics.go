package wire

// GetTopic asks for one topic with its partitions.
type GetTopic struct {
	Stream, Topic Identifier
}

// GetTopics asks for all topics of a stream.
type GetTopics struct {
	Stream Identifier
}

// CreateTopic makes a topic with that many partitions, 0 included.
type CreateTopic struct {
	Stream          Identifier
	PartitionsCount uint32
	Name            []byte
	Options         []Option
}

// UpdateTopic renames a topic (its present name is legal) and replaces the options given.
type UpdateTopic struct {
	Stream, Topic Identifier
	Name          []byte
	Options       []Option
}

// DeleteTopic removes a topic with all it holds.
type DeleteTopic struct {
	Stream, Topic Identifier
}

// PurgeTopic removes all messages of a topic; offsets begin at 0 again.
type PurgeTopic struct {
	Stream, Topic Identifier
}

// CreatePartitions adds Count partitions at the end.
type CreatePartitions struct {
	Stream, Topic Identifier
	Count         uint32
}

// DeletePartitions removes the Count last partitions.
type DeletePartitions struct {
	Stream, Topic Identifier
	Count         uint32
}

// DeleteSegments removes up to Count of the oldest sealed segments of a partition.
type DeleteSegments struct {
	Stream, Topic Identifier
	Partition     uint32
	Count         uint32
}

// Values of a topic's limits that mean none, and the compression labels.
const (
	NeverExpires uint64 = 1<<64 - 1
	Unlimited    uint64 = 1<<64 - 1

	CompressionNone uint8 = 1
	CompressionGzip uint8 = 2
)

// Topic is a topic as replies describe it.
type Topic struct {
	ID                  uint32
	CreatedAtMicros     uint64
	PartitionsCount     uint32
	MessageExpiryMicros uint64 // or NeverExpires
	Compression         uint8
	MaxSizeBytes        uint64 // or Unlimited
	SizeBytes           uint64
	MessagesCount       uint64
	Name                string
	Explicit            []Option // as the creator or an update set them
	Derived             []Option // filled in from defaults
}

// Partition is a partition as replies describe it.
type Partition struct {
	ID              uint32
	CreatedAtMicros uint64
	SegmentsCount   uint32
	CurrentOffset   uint64 // of the last message; 0 for an empty partition as well
	SizeBytes       uint64
	MessagesCount   uint64
}

// TopicDetails is a topic with its partitions, PartitionsCount of them.
type TopicDetails struct {
	Topic
	Partitions []Partition
}

// Durability is when something is acknowledged. 0: as it is.
type Durability uint8

// The levels, and what the server's setting makes of the protocol's default.
const (
	DurabilityReplicated Durability = iota + 1
	DurabilityPersisted
	DurabilityWritten
	DurabilityMemory
)

// SetDurability changes the levels of a topic while it serves.
type SetDurability struct {
	Stream, Topic     Identifier
	Messages, Offsets Durability // 0: stays
}
