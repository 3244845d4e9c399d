package wire

// GetStream asks for one stream with its topics.
type GetStream struct {
	Stream Identifier
}

// CreateStream makes a stream.
type CreateStream struct {
	Name    []byte
	Options []Option
}

// UpdateStream renames a stream; its present name is legal.
type UpdateStream struct {
	Stream  Identifier
	Name    []byte
	Options []Option
}

// DeleteStream removes a stream with all it holds.
type DeleteStream struct {
	Stream Identifier
}

// PurgeStream removes all messages of a stream and keeps its topics.
type PurgeStream struct {
	Stream Identifier
}

// Stream is a stream as replies describe it.
type Stream struct {
	ID              uint32
	CreatedAtMicros uint64
	TopicsCount     uint32
	SizeBytes       uint64
	MessagesCount   uint64
	Name            string
	Options         []Option
}

// StreamDetails is a stream with its topics, TopicsCount of them.
type StreamDetails struct {
	Stream
	Topics []Topic
}
