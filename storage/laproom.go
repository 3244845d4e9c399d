package storage

import "fmt"

// LapRoom is what every lap of a journal takes in any case, and what it may: in sixteenths of a file, so that none uses up what the next
// needs. Logs that rest take nothing of it.
type LapRoom struct {
	file   int64 // bytes of a journal file
	memory int64 // of the memory for the journal; 0: much
	fixed  int64 // bytes that every lap takes: the logs in use, their offsets and segments, those that have left, and metadata
	meta   metaCarry
	users  tally // who stored how many offsets, in all logs of the store: also in those that laps do not carry

	nextOffsets, nextSegments int64 // monotonic times of the next reports of a lack of room for them
}

// Carry is what every lap takes, but for metadata commands, which a snapshot takes out of it.
func (r *LapRoom) Carry() int64 { return r.fixed - r.meta.size() }

// CarryMax is what Carry may be with one more log in use: a quarter of a journal file, or of the memory for the journal.
func (r *LapRoom) CarryMax() int64 {
	n := r.share(logsShare)
	if r.memory > 0 {
		n = min(n, r.memory/4)
	}
	return n
}

func (r *LapRoom) share(sixteenths int64) int64 { return r.file / 16 * sixteenths }

// forSegment reports whether there is room for one more segment.
func (r *LapRoom) forSegment() bool { return r.Carry()+sealedSize <= r.share(segmentsShare) }

// offsets is how many more stored offsets there is room for.
func (r *LapRoom) offsets() int64 { return (r.share(offsetsShare) - r.Carry()) / offsetSize }

// MetaEntryBytes is what a metadata command takes of MetaFree beside its own bytes.
const MetaEntryBytes = entryHeadSize

// MetaFree is how many bytes of commands there is room for until a snapshot is written.
func (r *LapRoom) MetaFree() int64 { return r.share(metaShare) - r.meta.size() }

// MetaGroupMax is how many bytes commands may have that are journaled together, what they take beside their own included.
func (r *LapRoom) MetaGroupMax() int64 { return r.groupMax() }

// groupMax is what a group may grow to.
func (r *LapRoom) groupMax() int64 { return min(groupBytesMax, r.file/8) }

// SnapshotDue reports whether it is time for a snapshot of the metadata: commands are refused when twice as many wait.
func (r *LapRoom) SnapshotDue() bool { return r.meta.size() > min(metaBytesMax, r.file/16) }

const metaBytesMax = 1 << 20

// MetaSnapshotted says that a snapshot with everything up to index is on stable storage: laps need not carry it.
func (r *LapRoom) MetaSnapshotted(index uint64) { r.fixed -= r.meta.cut(index) }

// note keeps a metadata command for laps.
func (r *LapRoom) note(index uint64, command []byte) { r.fixed += r.meta.add(index, command) }

// check reports an error if a lap leaves no room for a group of that size.
func (r *LapRoom) check(logs int, lap, group int64) error {
	if lap+group+BlockSize <= r.file {
		return nil
	}
	const mib = 1 << 20
	least := (r.fixed*2*16/logsShare + mib - 1) / mib
	return fmt.Errorf("%w: %d logs in use take %d bytes in every lap, and a file has %d bytes: set journal_size to %d MiB at least",
		errJournalTooSmall, logs, r.fixed, r.file, least)
}

// CheckCarry reports an error if a lap of what the store has been given leaves no room for a group.
func (s *Store) CheckCarry() error {
	j := &s.journal
	return s.room.check(s.logs.lapped.count(), j.lapRoom(), int64(j.groupMax()))
}

// reportPause is the least time between two reports of the same lack of room.
const reportPause = int64(10e9)

// refusedSegment says why an append that needs a segment is refused.
func refusedSegment(s *Store, id LogID) error {
	err := fmt.Errorf("%w: laps cannot carry another segment; set journal_size to more", ErrJournalFull)
	s.reportRoom("appends are refused", id, err, &s.room.nextSegments)
	return err
}

// reportRoom reports a lack of room, and again only after a while.
func (s *Store) reportRoom(event string, id LogID, err error, next *int64) {
	if s.mono >= *next {
		*next = s.mono + reportPause
		s.report(event, id, err)
	}
}
