// Package router knows which shard owns a log and carries messages from one shard to another.
//
// It holds a single-producer single-consumer ring per ordered pair of shards (Mailbox), the flag by which a sleeping
// shard is woken exactly once (Sleeper), the credits that keep two full rings from waiting for each other (Mesh), the
// replica of the map from log to shard (Map), and the rule that picks a shard for a new log (Place).
//
// It leaves to others: what a message means, how a wake-up is sent (an operation on the caller's ring), when a log
// moves, and every wait. Nothing in here blocks, allocates after construction or starts a goroutine.
package router

// ShardID is the index of a shard, 0 to shards-1.
type ShardID uint16

// LogID names one partition's life; the metadata machine gives it out and never reuses it.
type LogID uint64

// ShardsMax bounds the mesh: beyond it even the smallest rings would cost more memory than they are worth.
const ShardsMax = 256
