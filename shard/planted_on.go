//go:build planted

package shard

import "os"

var plantedPanicAtEnd = os.Getenv("GALGO_PLANTED") == "panic-at-end"
