// Package storage keeps the logs of one shard: the journal that makes appends durable, the segments that hold them, the
// tail that serves the newest records from memory, and recovery.
//
// It decides and does not do: requests and completions go in, operations (Op) and answered requests come out, and the
// shard joins it to the kernel. Nothing here opens a file, reads a clock or starts a goroutine. Recovery, which runs
// before the first connection, uses the same operations one at a time through Disk.
//
// What holds, and the sequences of events it answers, is written in ARCHITECTURE.md and docs/formats:
//
//   - A segment block is written once. What does not fill a block stays in the tail and in the journal; where a block
//     has to go out before it is full (a lap of the journal, a restart, a roll) it is padded with zeros and the next
//     batch begins at the next block, so that no block on disk is ever written over.
//   - A journal group is safe when it and every group before it is; only then are its entries acknowledged.
//   - A request is answered when it, and everything before it in its log, is safe at the log's level.
//   - Only answered records are visible; an offset that was told is never given out again.
package storage
