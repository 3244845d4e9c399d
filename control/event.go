package control

import "github.com/galgo-mq/galgo/metadata"

// EventKind says what has happened.
type EventKind uint8

// The events.
const (
	EventProposed  EventKind = iota + 1 // Proposal is given; EffectAnswer ends it, once
	EventPrepared                       // a shard has done what EffectPrepare asks, or could not: Err
	EventCommitted                      // what EffectCommit named is safe; Err: none of it is, nor will be
	EventApplied                        // a shard has applied a Run: Clear, Closing
	EventClosed                         // a shard has closed its logs of the commands Closed
	EventMove                           // Move is asked for; EffectAnswerMove ends it
	EventMoved                          // the log of EffectMove is at its new owner, or could not be moved: Err
	EventMapped                         // a shard has done what EffectMap asks
	EventFilesGone                      // the files of Logs, which were retired, are gone
	EventGroups                         // Handovers can be completed, and Leavers are gone
	EventMember                         // whether the member Key of EffectFindMember is Back
	EventSnapshot                       // a step of the snapshot is done, or failed: Err
	EventTick                           // time has passed
)

// Event is something that has happened. Its kind says which of the fields are set. What it points to is Control's from then on.
type Event struct {
	Kind      EventKind
	Back      bool
	Proposal  *metadata.Proposal
	Err       error
	Clear     []int    // hand-overs that can be completed at once: positions in Run.Pending
	Closing   []uint64 // indexes of the commands of which the shard closes logs: EventClosed for each
	Closed    []uint64 // indexes of the commands whose logs it has closed, or is not waited for
	Move      *Move
	Logs      []metadata.LogID
	Handovers []metadata.Handover
	Leavers   []metadata.MemberKey
	Key       metadata.MemberKey
}

// EffectKind says what is to be done.
type EffectKind uint8

// The effects.
const (
	EffectPrepare        EffectKind = iota + 1 // every shard raises the levels of its logs of a topic, as Proposal.Retires says: EventPrepared from each
	EffectUnprepare                            // that is taken back at every shard: the command was refused
	EffectCommit                               // Entries are made safe, in their order: EventCommitted
	EffectApply                                // every shard applies Run: EventApplied from each. Results are those of the replica here
	EffectAnswer                               // Proposal has its outcome, and is its proposer's again
	EffectWantSpace                            // something that frees space waits behind what is being committed
	EffectFindMember                           // has Key a session again? EventMember
	EffectMove                                 // Move's log goes to its new owner: EventMoved
	EffectMap                                  // every shard notes where the log of Move is now: EventMapped from each
	EffectAnswerMove                           // Move is done, or Err says why not
	EffectSnapshot                             // Step of the snapshot: EventSnapshot
	EffectSnapshotted                          // a snapshot of everything up to Index is on stable storage
	EffectSnapshotFailed                       // none is: Err. A file that is open is to be closed
	EffectReport                               // something that operators should know
)

// Effect is something to be done. Its kind says which of the fields are set.
type Effect struct {
	Kind     EffectKind
	Step     SnapshotStep
	Report   Report
	Proposal *metadata.Proposal
	Entries  []Entry // good until EventCommitted
	Run      *Run
	Results  []metadata.Result // of Run's entries
	Key      metadata.MemberKey
	Move     *Move
	Data     []byte // of a snapshot, to be written at At; good until EventSnapshot
	At       int64
	Index    uint64
	Err      error
	Bytes    int64 // of a report
	Max      int64
}

// Report says what operators should know.
type Report uint8

// The reports.
const (
	ReportNotForgotten Report = iota + 1 // retired logs stay on their list until the next start: Err
	ReportHandoverLate                   // a hand-over was put off: Err
	ReportMemberKept                     // a member that is gone keeps its place for now: Err
	ReportMetadataFull                   // Proposal was refused, as Bytes would be more than Max
)

// Entry is a committed command, or one that is to be. Nobody changes one that was given out.
type Entry struct {
	Index     uint64
	Command   []byte
	WhenShort bool  // it is taken also while space is short
	Owners    []int // of the logs that it creates, in the order of Result.Created; known when it is applied
}

// Run is committed commands that shards apply in one go. Shards read it as long as they like.
type Run struct {
	Entries []Entry
	Pending []metadata.Handover // those that the commands have begun, one command's behind the other's
}
