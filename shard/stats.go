package shard

import (
	"time"

	"github.com/galgo-mq/galgo/uring"
)

// Stats says what one shard did since it began, and how it stands.
type Stats struct {
	IO            uring.Counters
	Turns, Stalls uint64 // a stall is a turn that took longer than 1 ms of our own code
	LongestTurn   time.Duration
	Requests      uint64 // frames handled
	Connections   int
	HeldPolls     int // that wait for a message
	Logs          int
	Groups, Laps  uint64 // of the journal
	Records       uint64 // of logs that rest, written to the log table
	DirectWrites  uint64 // batches that went straight to their segment
	DiskReads     uint64 // of polls
	Duplicates    uint64 // records that were not stored, as their log had them
	Unstored      uint64 // polls refused because their automatic commit could not be stored
	HeldSegments  int    // that are expired and kept for stored offsets
	HeldBytes     int64  // of records in them
	HeldMost      string // the log of which most is kept, and for whom
	DedupBytes    int64  // that the windows of deduplication take
	SlowReaders   uint64 // sends ended because memory was short
	Copies        uint64 // of received bytes, on their way to tail and journal
	CopiedBytes   uint64
}

// Statistics returns what the shard counted, to be called on its thread.
func (s *Shard) Statistics() Stats {
	of := s.logs.Store().Stats()
	n := s.front.Counts()
	heldSegments, heldBytes, heldMost := s.logs.Store().Held()
	return Stats{HeldSegments: heldSegments, HeldBytes: heldBytes, HeldMost: heldMost,
		IO: s.io.Counters(), Turns: s.stats.turns, Stalls: s.stats.stalls, LongestTurn: s.stats.longest,
		Requests: s.calls.Handled(), Connections: s.front.Count(), HeldPolls: s.logs.Parked(), Logs: s.logs.Store().Logs(), Groups: of.Groups, Laps: of.Laps, Records: of.Records, SlowReaders: n.Slow,
		DirectWrites: of.DirectWrites, DiskReads: of.DiskReads, Duplicates: of.Duplicates, Unstored: of.Unstored, DedupBytes: of.DedupBytes, Copies: of.Copies + n.Copies, CopiedBytes: of.CopiedBytes + n.CopiedBytes}
}
