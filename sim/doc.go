// Package sim is a disk, a network and clients made of one seed, and whole brokers that run on them in one goroutine.
//
// Disk executes the operations of storage, is the blocking disk of recovery, and can lose power: what was not on stable storage is then
// kept or lost by chance, in pieces of 512 bytes. Net has the sockets: bytes arrive in pieces, connections reset, end or fall silent. Ring is
// the uring.IO of one shard over both, and checks what the broker owes the kernel. Broker is a broker's life: start, turns, end in order,
// kill, power cut. World adds clients that produce, poll, commit, join groups, make and delete topics, and misbehave, with a model of what they were told:
// whatever contradicts it is a fault. The same seed gives the same run, to the byte.
//
// Disk knows what a disk promises and nothing of journals or segments; World knows the protocol and nothing of shards.
package sim
