package storage

import (
	"errors"

	"github.com/galgo-mq/galgo/batch"
)

// BlockSize is the unit of every write to a journal or a segment, and the alignment of memory and positions.
const BlockSize = 4096

// DirectMin is the size in bytes from which a batch goes straight to its segment instead of through the journal.
const DirectMin = 128 << 10

// LogID names the life of a partition. Metadata gives it out and never reuses it; 0 names none.
type LogID uint64

// Offset is a record's place in its log.
type Offset = batch.Offset

// Pos is a byte position in a segment file.
type Pos int64

// Level says what an acknowledgement means. Higher is safer.
type Level uint8

// The levels of durability.
const (
	LevelMemory    Level = iota + 1 // in this process's memory
	LevelWritten                    // the kernel has it: survives the process
	LevelPersisted                  // on stable storage: survives a power cut
)

func (l Level) String() string {
	switch l {
	case LevelMemory:
		return "memory"
	case LevelWritten:
		return "written"
	case LevelPersisted:
		return "persisted"
	}
	return "invalid"
}

// Errors a request can end with. Others are wrapped errors of the disk.
var (
	// ErrNotOwned: the partition of a group's poll belongs to another member by now.
	ErrNotOwned = errors.New("storage: partition does not belong to this member of the group")
	// ErrFenced: the log's storage failed or is damaged; appends are refused until the operator acts.
	ErrFenced = errors.New("storage: log is fenced")
	// ErrClosed: the log is being deleted or purged.
	ErrClosed = errors.New("storage: log is closed")
	// ErrNoSpace: the disk is full. Reads go on; writes resume by themselves when there is room.
	ErrNoSpace = errors.New("storage: no space left on the disk")
	// ErrJournalFull: laps of the journal have no room for what was asked, while the disk may have plenty.
	ErrJournalFull = errors.New("storage: no room left in the journal")
	// ErrUnknownLog: no log of this id lives on this shard.
	ErrUnknownLog = errors.New("storage: unknown log")
	// ErrOffsetBeyondEnd: a stored offset must not pass the last visible record.
	ErrOffsetBeyondEnd = errors.New("storage: offset beyond the end of the log")
	// ErrNoStoredOffset: nothing is stored for this consumer.
	ErrNoStoredOffset = errors.New("storage: no stored offset")
	// ErrTooManyConsumers: the log holds offsets of as many consumers as it may, laps have no room for another one, or the user has a share of it.
	ErrTooManyConsumers = errors.New("storage: too many consumers with stored offsets")
	// ErrDamaged: bytes on disk are not what was written.
	ErrDamaged = errors.New("storage: damaged data")
	// ErrNoMemory: the memory budget is used up; try again.
	ErrNoMemory = errors.New("storage: memory budget used up")
	// ErrBatchTooLarge: a batch, stored when the memory budget was larger, does not fit into what reads may take now.
	ErrBatchTooLarge = errors.New("storage: batch larger than the memory for reads")
	// ErrReplyTooLarge: a batch goes beyond what the poll is to answer, also alone. Nothing was committed.
	ErrReplyTooLarge = errors.New("storage: batch larger than the reply may be")
	// ErrCanceled: the request was withdrawn while it waited.
	ErrCanceled = errors.New("storage: request withdrawn")
	// ErrJournalFailed: the shard's journal failed; nothing more can be acknowledged.
	ErrJournalFailed = errors.New("storage: journal failed")
)

const (
	consumersMax = 65536 // stored offsets per log

	flushBytes   = 256 << 10 // whole blocks gathered in a tail before they go to the segment
	carryTailMax = 64 << 10  // a tail longer than this is flushed before a lap
	chunkMin     = 4 << 10
	chunkMax     = 4 << 20
)

func alignDown(p Pos) Pos { return p &^ (BlockSize - 1) }
func alignUp(p Pos) Pos   { return (p + BlockSize - 1) &^ (BlockSize - 1) }

// padMin is the least padding there is. With one to three zeros before it, the head of a batch read too early can look like
// that of another: its count stays where a count may be, and its checksum gives a length.
const padMin = 4

// afterPadding returns where a batch may begin when the block in which the log ends was padded.
func afterPadding(end Pos) Pos {
	if end == alignDown(end) {
		return end
	}
	return alignUp(end + padMin - 1)
}

// Memory gives page-aligned buffers outside the Go heap. Get returns nil when the budget is used up; the buffer has
// length n and holds whatever was in it before.
type Memory interface {
	Get(n int) []byte
	Put(b []byte)
}
