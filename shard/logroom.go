package shard

import "sync/atomic"

// logRoom is what the logs of a shard take in every lap, and may take together with new ones. The shard shows it at the end of
// each turn, before it tells the control room that it has applied a command: that misses none.
type logRoom struct {
	carry atomic.Int64
	max   int64 // fixed when the shards begin to turn
	_     [112]byte
}
