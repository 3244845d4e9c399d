//go:build !planted

package storage

// Bugs that a build with the tag "planted" can switch on, one at a time, to prove that the crash tests catch them.
const (
	plantedAckBeforeSyncDirect   = false
	plantedAckBeforeSyncBuffered = false
	plantedDirectAfterBuffered   = false
	plantedReplayStopsEarly      = false
	plantedRecycledBlock         = false
	plantedReusedOffset          = false
	plantedHoleNotCut            = false
	plantedForeignData           = false
	plantedSkipDirSync           = false
	plantedPanic                 = false
	plantedReadKeepsBuffer       = false
	plantedLastEndsAtEdge        = false
	plantedJournalsNotMissed     = false
	plantedRemovalsAtOnce        = false
	plantedRefusedIsWritten      = false
	plantedRefusedElsewhere      = false
	plantedTableUnsynced         = false
	plantedTableOverwritten      = false
	plantedOffsetsNotAll         = false
)
