//go:build !planted

package shard

// plantedPanicAtEnd is a bug that a build with the tag "planted" can switch on, as those of storage.
const plantedPanicAtEnd = false
