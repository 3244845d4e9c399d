//go:build planted

package storage

import "os"

// planted bugs: GALGO_PLANTED names the one that is on.
var planted = os.Getenv("GALGO_PLANTED")

var (
	plantedAckBeforeSyncDirect   = planted == "ack-before-sync-direct"
	plantedAckBeforeSyncBuffered = planted == "ack-before-sync-buffered"
	plantedDirectAfterBuffered   = planted == "direct-after-buffered"
	plantedReplayStopsEarly      = planted == "replay-stops-early"
	plantedRecycledBlock         = planted == "recycled-block"
	plantedReusedOffset          = planted == "reused-offset"
	plantedHoleNotCut            = planted == "hole-not-cut"
	plantedForeignData           = planted == "foreign-data"
	plantedSkipDirSync           = planted == "skip-dir-sync"
)
