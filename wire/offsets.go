package wire

// GetConsumerOffset asks for a stored offset.
type GetConsumerOffset struct {
	Consumer      Consumer
	Stream, Topic Identifier
	Partition     PartitionChoice // unnamed is 0
}

// StoreConsumerOffset stores an offset, forwards or backwards.
type StoreConsumerOffset struct {
	Consumer      Consumer
	Stream, Topic Identifier
	Partition     PartitionChoice
	Offset        uint64
	Ack           Ack
}

// DeleteConsumerOffset forgets a stored offset.
type DeleteConsumerOffset struct {
	Consumer      Consumer
	Stream, Topic Identifier
	Partition     PartitionChoice
	Ack           Ack
}

// ConsumerOffset answers GetConsumerOffset.
type ConsumerOffset struct {
	PartitionID   uint32
	CurrentOffset uint64 // of the partition's last message; 0 if it is empty
	StoredOffset  uint64
}
