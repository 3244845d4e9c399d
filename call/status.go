package call

import (
	"errors"
	"time"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// storeStatuses say which status a client sees for an error of the storage.
var storeStatuses = []struct {
	err    error
	status wire.Status
}{
	{storage.ErrClosed, wire.StatusTransientNotAccepted},     // being deleted or purged: another try finds out
	{storage.ErrUnknownLog, wire.StatusTransientNotAccepted}, // its owner has not heard of it yet, or any more
	{storage.ErrNoMemory, wire.StatusTransientNotCommitted},
	{storage.ErrCanceled, wire.StatusTransientNotCommitted},
	{storage.ErrBatchTooLarge, wire.StatusCannotReadMessage},
	{storage.ErrReplyTooLarge, wire.StatusTooBigMessagePayload}, // of several polls in a frame: it is to be asked for alone
	{storage.ErrNoSpace, wire.StatusCannotSaveMessagesToSegment},
	{storage.ErrJournalFull, wire.StatusCannotSaveMessagesToSegment},
	{storage.ErrFenced, wire.StatusCannotAppendMessage},
	{storage.ErrJournalFailed, wire.StatusCannotAppendMessage},
	{storage.ErrOffsetBeyondEnd, wire.StatusInvalidOffset},
	{storage.ErrNoStoredOffset, wire.StatusConsumerOffsetNotFound},
	{storage.ErrTooManyConsumers, wire.StatusTooManyConsumerOffsets},
	{storage.ErrDamaged, wire.StatusCannotReadMessage},
}

// storeFailed answers a call that its owner could not do.
func (a *answers) storeFailed(c *Call) {
	if c.Err == metadata.ErrNoSession || c.Err == metadata.ErrForbidden { // of a poll that has waited
		a.refuse(c, statusOf(c.Err))
		return
	}
	if errors.Is(c.Err, storage.ErrNoSpace) && a.full.refused(a.mono) {
		a.note(News{Kind: DiskFull, Err: c.Err})
	}
	if errors.Is(c.Err, storage.ErrTooManyConsumers) {
		a.limitHit(c, "limits.consumers_per_log")
	}
	for _, e := range storeStatuses {
		if errors.Is(c.Err, e.err) {
			a.refuse(c, e.status)
			return
		}
	}
	a.noteOf(c, News{Kind: RequestFailed, Log: c.Log, Err: c.Err})
	a.refuse(c, wire.StatusIOError)
}

// diskFull is what the log has been told of a disk without room. A client that is refused comes again at once, so each line
// is written once a minute at most; and one that has room left in its segment is no end of it.
type diskFull struct {
	said    bool  // and not that it is over
	again   int64 // when it may be said again
	refusal int64 // the last one
}

const (
	diskFullPause = int64(time.Minute)
	diskFullOver  = int64(time.Second) // without a refusal
)

// refused notes that an append was refused, and reports whether to say so.
func (d *diskFull) refused(mono int64) bool {
	d.refusal = mono
	if mono < d.again {
		return false
	}
	d.said, d.again = true, mono+diskFullPause
	return true
}

// stored notes that an append was stored, and reports whether to say that appends are stored again.
func (d *diskFull) stored(mono int64) bool {
	if !d.said || mono-d.refusal < diskFullOver {
		return false
	}
	d.said = false
	return true
}

// metaStatuses say which status a client sees for an error of the metadata.
var metaStatuses = map[error]wire.Status{
	metadata.ErrStreamNotFound:    wire.StatusStreamIDNotFound,
	metadata.ErrStreamNameExists:  wire.StatusStreamNameAlreadyExists,
	metadata.ErrStreamName:        wire.StatusInvalidStreamName,
	metadata.ErrTooManyStreams:    wire.StatusTooManyStreams,
	metadata.ErrTopicNotFound:     wire.StatusTopicIDNotFound,
	metadata.ErrTopicNameExists:   wire.StatusTopicNameAlreadyExists,
	metadata.ErrTopicName:         wire.StatusInvalidTopicName,
	metadata.ErrTooManyTopics:     wire.StatusTooManyTopics,
	metadata.ErrTopicSize:         wire.StatusInvalidTopicSize,
	metadata.ErrPartitionNotFound: wire.StatusPartitionNotFound,
	metadata.ErrTooManyPartitions: wire.StatusTooManyPartitions,
	metadata.ErrPartitionsCount:   wire.StatusInvalidPartitionsCount,
	metadata.ErrPartitionIDs:      wire.StatusPartitionIDSpaceExhausted,
	metadata.ErrOptionKey:         wire.StatusUnsupportedOptionKey,
	metadata.ErrOptionValue:       wire.StatusInvalidOptionValue,
	metadata.ErrOptionsTooLarge:   wire.StatusOptionsBlockTooLarge,
	metadata.ErrOptionsMalformed:  wire.StatusInvalidCommand,
	metadata.ErrUserNotFound:      wire.StatusResourceNotFound,
	metadata.ErrUsername:          wire.StatusInvalidUsername,
	metadata.ErrUserStatus:        wire.StatusInvalidUserStatus,
	metadata.ErrUserExists:        wire.StatusUserAlreadyExists,
	metadata.ErrTooManyUsers:      wire.StatusUsersLimitReached,
	metadata.ErrDeleteRoot:        wire.StatusCannotDeleteUser,
	metadata.ErrLastManagerOff:    wire.StatusInvalidUserStatus,
	metadata.ErrDeleteLastManager: wire.StatusCannotDeleteUser,
	metadata.ErrLastManagerRights: wire.StatusCannotChangePermissions,
	metadata.ErrRootPermissions:   wire.StatusCannotChangePermissions,
	metadata.ErrPermissions:       wire.StatusInvalidCommand,
	metadata.ErrPasswordChanged:   wire.StatusInvalidCredentials,
	metadata.ErrTokenName:         wire.StatusInvalidPersonalAccessTokenName,
	metadata.ErrTokenExists:       wire.StatusPersonalAccessTokenAlreadyExists,
	metadata.ErrTooManyTokens:     wire.StatusPersonalAccessTokensLimitReached,
	metadata.ErrTokenNotFound:     wire.StatusResourceNotFound,
	metadata.ErrGroupName:         wire.StatusInvalidConsumerGroupName,
	metadata.ErrGroupExists:       wire.StatusConsumerGroupNameAlreadyExists,
	metadata.ErrGroupNotFound:     wire.StatusConsumerGroupIDNotFound,
	metadata.ErrNotMember:         wire.StatusConsumerGroupMemberNotFound,
	metadata.ErrTooManyGroups:     wire.StatusCannotCreateConsumerGroupInfo,
	metadata.ErrTooManyMembers:    wire.StatusCannotCreateConsumerGroupInfo,
}

// statusOf is the status for an error of the metadata; StatusOK for nil.
func statusOf(err error) wire.Status {
	switch err {
	case nil:
		return wire.StatusOK
	case metadata.ErrNoSession:
		return wire.StatusUnauthenticated
	case metadata.ErrForbidden:
		return wire.StatusUnauthorized
	}
	if known := metaReason(err); known != nil {
		return metaStatuses[known]
	}
	return wire.StatusOf(err)
}

// refuseFor answers a request that was judged before it became a command; the log says why.
func (a *answers) refuseFor(c *Call, err error) {
	c.Proposal.Err = err
	a.refuse(c, statusOf(err))
}

// noOption refuses options of what has none.
func noOption(options []wire.Option) error {
	if len(options) == 0 {
		return nil
	}
	return metadata.OptionError{Key: string(options[0].Key), Err: metadata.ErrOptionKey}
}

// metaReason is the error in err that metaStatuses knows, or nil.
func metaReason(err error) error {
	for ; err != nil; err = errors.Unwrap(err) {
		if _, ok := metaStatuses[err]; ok {
			return err
		}
	}
	return nil
}
