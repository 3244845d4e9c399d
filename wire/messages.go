package wire

// SendMessages appends a batch to one partition.
type SendMessages struct {
	Stream, Topic Identifier
	Partitioning  Partitioning
	Count         uint32 // of messages; that of the batch must be the same
	Batch         []byte // not yet admitted
}

// Placement says where a batch went.
type Placement struct {
	StreamID, TopicID, PartitionID uint32
	BaseOffset                     uint64
}

// PollMessages asks for up to Count messages.
type PollMessages struct {
	Consumer      Consumer
	Stream, Topic Identifier
	Partition     PartitionChoice // for a single consumer, unnamed is 0
	Strategy      Strategy
	Count         uint32
	AutoCommit    bool // store the offset of the last message returned
}

// NotOwned in place of a partition id in an empty Polled tells a group member that the partition is not its own, or
// not any more, and that it should ask for its assignment.
const NotOwned uint32 = 0xFFFFFFFF

// Polled answers PollMessages.
type Polled struct {
	PartitionID   uint32
	CurrentOffset uint64 // of the partition's last message; 0 if it is empty
	Count         uint32 // messages in Batches
	Batches       []byte // batch records and slices back to back; a view of the reply
}

// FlushUnsavedBuffer asks that what a partition holds be written, and synced if Sync.
type FlushUnsavedBuffer struct {
	Stream, Topic Identifier
	Partition     uint32
	Sync          bool
}
