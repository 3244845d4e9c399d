// Package owner is the room of the logs that one shard owns: their store, polls that wait for a message, the fences of consumer groups,
// retention in steps, and the opening, closing and moving of logs as the metadata says.
//
// It has a replica of the metadata to look at, and never changes it. Parts go in by Start, and come out of TakeAnswered when they are
// answered. What comes up beside them, for the order of metadata commands or for an operator, waits to be taken. Whoever drives an
// Owner begins and ends its turns, gives completions to the store and takes operations from it. Nothing here reads a clock, a disk or a
// socket, and nothing calls back up.
//
// It leaves to others: which shard owns a log, who may ask for what, and how anything is said to a client.
package owner
