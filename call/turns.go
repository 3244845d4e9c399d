package call

import "github.com/galgo-mq/galgo/metadata"

// topicKey names a topic as long as it is there.
type topicKey struct {
	stream metadata.StreamID
	topic  metadata.TopicID
}

// topicTurn is how many balanced sends to a topic have come to this shard.
type topicTurn struct {
	log  metadata.LogID // its first partition, which no topic of the same number before or after it has
	next uint32
}

// turns are the balanced sends to each topic.
type turns map[topicKey]topicTurn

// next counts a balanced send to t, and returns the number of those before it.
func (of *turns) next(t *metadata.Topic) uint32 {
	if *of == nil {
		*of = make(turns)
	}
	key := topicKey{t.Stream, t.ID}
	x := (*of)[key]
	if x.log != t.Partitions[0].Log {
		x = topicTurn{log: t.Partitions[0].Log}
	}
	n := x.next
	x.next++
	(*of)[key] = x
	return n
}
