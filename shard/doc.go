// Package shard is the loop of one core. A shard is one thread, one IO, the connections it serves and the logs it owns;
// what belongs to another shard it reaches by mailbox. It joins the packages that decide (storage, metadata, wire) to
// the kernel (uring), and does nothing else.
//
// A turn is synchronous: completions in, messages in, effects out, submit. No handler waits, allocates on the path of a
// message, or takes a lock. A server makes the shards and gives each of them its IO, its logs and its thread.
package shard
