//go:build planted

package storage

import "os"

// The planted bugs, off. See planted_off.go.
var (
	plantedAckBeforeSyncDirect   bool
	plantedAckBeforeSyncBuffered bool
	plantedDirectAfterBuffered   bool
	plantedReplayStopsEarly      bool
	plantedRecycledBlock         bool
	plantedReusedOffset          bool
	plantedHoleNotCut            bool
	plantedForeignData           bool
	plantedSkipDirSync           bool
	plantedPanic                 bool
	plantedReadKeepsBuffer       bool
	plantedLastEndsAtEdge        bool
	plantedJournalsNotMissed     bool
	plantedRemovalsAtOnce        bool
	plantedRefusedIsWritten      bool
	plantedRefusedElsewhere      bool
	plantedTableUnsynced         bool
	plantedTableOverwritten      bool
	plantedOffsetsNotAll         bool
)

var plants = map[string]*bool{
	"ack-before-sync-direct":   &plantedAckBeforeSyncDirect,
	"ack-before-sync-buffered": &plantedAckBeforeSyncBuffered,
	"direct-after-buffered":    &plantedDirectAfterBuffered,
	"replay-stops-early":       &plantedReplayStopsEarly,
	"recycled-block":           &plantedRecycledBlock,
	"reused-offset":            &plantedReusedOffset,
	"hole-not-cut":             &plantedHoleNotCut,
	"foreign-data":             &plantedForeignData,
	"skip-dir-sync":            &plantedSkipDirSync,
	"panic":                    &plantedPanic,
	"read-keeps-buffer":        &plantedReadKeepsBuffer,
	"last-ends-at-edge":        &plantedLastEndsAtEdge,
	"journals-not-missed":      &plantedJournalsNotMissed,
	"removals-at-once":         &plantedRemovalsAtOnce,
	"refused-is-written":       &plantedRefusedIsWritten,
	"refused-elsewhere":        &plantedRefusedElsewhere,
	"table-unsynced":           &plantedTableUnsynced,
	"table-overwritten":        &plantedTableOverwritten,
	"offsets-not-all":          &plantedOffsetsNotAll,
}

// Plant switches the bug of that name on, and all others off. False: there is none of that name, and all are off.
func Plant(name string) bool {
	for _, p := range plants {
		*p = false
	}
	p := plants[name]
	if p != nil {
		*p = true
	}
	return p != nil
}

func init() { Plant(os.Getenv("GALGO_PLANTED")) }
