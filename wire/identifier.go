package wire

import "strconv"

// IdentifierKind says how an Identifier names its object.
type IdentifierKind uint8

// An object is named by its number or by its name.
const (
	ByNumber IdentifierKind = 1
	ByName   IdentifierKind = 2
)

// Identifier names a stream, topic, user, group or consumer.
type Identifier struct {
	Kind   IdentifierKind
	Number uint32 // for ByNumber
	Name   []byte // for ByName: 1 to 255 bytes
}

// Numbered is the identifier of the object with number n.
func Numbered(n uint32) Identifier { return Identifier{Kind: ByNumber, Number: n} }

// Named is the identifier of the object called name.
func Named(name string) Identifier { return Identifier{Kind: ByName, Name: []byte(name)} }

func (id Identifier) String() string {
	if id.Kind == ByNumber {
		return strconv.FormatUint(uint64(id.Number), 10)
	}
	return string(id.Name)
}

// ConsumerKind tells a consumer of its own from a group.
type ConsumerKind uint8

// Who polls and whose offset is stored.
const (
	SingleConsumer ConsumerKind = 1
	GroupConsumer  ConsumerKind = 2
)

// Consumer is who polls, or whose offset is stored.
type Consumer struct {
	Kind ConsumerKind
	ID   Identifier
}

// Key is the number that the offsets of a SingleConsumer are kept under: its own, or the XXH32 of its name. For a
// group the number must be looked up.
func (c Consumer) Key() uint32 {
	if c.ID.Kind == ByNumber {
		return c.ID.Number
	}
	return XXH32(c.ID.Name)
}

// PartitionChoice is a partition that may be left unsaid; what that means is each command's own.
type PartitionChoice struct {
	Named bool
	ID    uint32
}

// InPartition is the choice of partition id.
func InPartition(id uint32) PartitionChoice { return PartitionChoice{Named: true, ID: id} }

// PartitioningKind says how the partition of a send is chosen.
type PartitioningKind uint8

// How the partition of a send is chosen.
const (
	Balanced    PartitioningKind = 1 // by the server, in turn
	ToPartition PartitioningKind = 2
	ByKey       PartitioningKind = 3
)

// Partitioning says which partition a send is for.
type Partitioning struct {
	Kind      PartitioningKind
	Partition uint32 // for ToPartition
	Key       []byte // for ByKey: 1 to 255 bytes
}

// KeyIndex is the index of the partition for p.Key among count partitions, the same in all clients and dialects.
// count is not 0.
func (p Partitioning) KeyIndex(count uint32) uint32 { return XXH32(p.Key) % count }

// StrategyKind says where a poll begins.
type StrategyKind uint8

// Where a poll begins.
const (
	FromOffset    StrategyKind = 1 // at Value
	FromTimestamp StrategyKind = 2 // at the first record appended at Value, microseconds, or later
	FromFirst     StrategyKind = 3
	FromLast      StrategyKind = 4 // as many before the end as are asked for
	FromNext      StrategyKind = 5 // after the consumer's stored offset
)

// Strategy says where a poll begins.
type Strategy struct {
	Kind  StrategyKind
	Value uint64 // for FromOffset and FromTimestamp
}

// Ack is how sure a client wants to be of an offset write.
type Ack uint8

// Levels of acknowledgement; a single node answers both alike.
const (
	AckNone   Ack = 0
	AckQuorum Ack = 1
)
