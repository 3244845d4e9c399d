// Package sim is a disk made of one seed. It executes the operations of storage for running stores, is the blocking
// disk of recovery, and can lose power: what was not on stable storage is then kept or lost by chance, in pieces of 512
// bytes. The same seed and the same calls give the same run.
//
// It knows what a disk promises and nothing of journals or segments; whether the stores keep their promises on it is
// for the tests to say. A whole shard needs a network and a clock as well: those are not here yet.
package sim
