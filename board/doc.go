// Package board is what the shards of a server share beside messages: the list of their clients, what is in their logs, and the inboxes in which
// other goroutines leave work for a shard. It takes locks. Nothing on the path of a message looks at it, but to write counters, which
// takes none.
package board
