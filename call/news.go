package call

import (
	"errors"
	"fmt"
	"strings"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// NewsKind says what is worth a line in the log.
type NewsKind uint8

const (
	// LoggedIn: Peer has a session of User, By a password or a token.
	LoggedIn NewsKind = iota + 1
	// LoginFailed: with Status. User is empty if there is none of that name.
	LoginFailed
	// SessionEnded: Peer has logged out.
	SessionEnded
	// MemberSilent: Peer's session is over, as it is in a consumer group and was silent for too long.
	MemberSilent
	// Changed: a command that operators want to know of was applied.
	Changed
	// Refused: a command was refused, with Status.
	Refused
	// LimitHit: Limit has refused something.
	LimitHit
	// Unauthorized: a handler has not looked at rights; it is a fault of ours.
	Unauthorized
	// ReplyWithoutMemory: there was none for a reply of Bytes.
	ReplyWithoutMemory
	// ListTooLarge: a list of Bytes was refused, as lists may have Max.
	ListTooLarge
	// ListWithoutMemory: a list was refused, as others have the memory.
	ListWithoutMemory
	// ArchiveFailed: an archive of Bytes, if there is one, was refused for Err.
	ArchiveFailed
	// DiskFull: appends are refused for Err until there is room.
	DiskFull
	// DiskHasRoom: they are stored again.
	DiskHasRoom
	// RequestFailed: a log has refused a request for Err, which should not be.
	RequestFailed
)

// News is something that has happened, in the words of its kind.
type News struct {
	Kind   NewsKind
	Told   bool      // of Refused: operators want to know of the command
	Peer   wire.Peer // as it was then
	Code   wire.Code
	Object string // what the command is about
	Status wire.Status
	Why    error // of Refused: what the metadata says, if that has refused it
	User   string
	By     string
	Limit  string
	Log    storage.LogID
	Bytes  int
	Max    int
	Err    error
}

// HasNews reports whether there is a piece of news. It is asked several times a turn, and mostly there is none.
func (a *answers) HasNews() bool { return a.news.Len() > 0 }

// TakeNews returns the next piece of news. There is one.
func (a *answers) TakeNews() News { return a.news.Pop() }

func (a *answers) note(n News) { a.news.Push(n) }

// noteOf notes news of a call.
func (a *answers) noteOf(c *Call, n News) {
	n.Peer, n.Code, n.Object = *c.Peer, c.Code, c.object
	a.note(n)
}

// changed is for a command that was applied.
func (a *answers) changed(c *Call) {
	if rowOf(c.Code).told {
		a.noteOf(c, News{Kind: Changed})
	}
}

// limitHit is for what a named limit refused.
func (a *answers) limitHit(c *Call, limit string) {
	a.noteOf(c, News{Kind: LimitHit, Limit: limit, Log: storage.LogID(c.Log)})
}

// commandRefused is for a call that is refused.
func (a *answers) commandRefused(c *Call, status wire.Status) {
	if unknownThing(status) {
		c.object = "" // there is none of that name: it may be a password in the wrong place
	}
	a.noteOf(c, News{Kind: Refused, Told: rowOf(c.Code).told, Status: status, Why: c.Proposal.Err})
}

// Option is the key of the option that a call was refused for. False: it was not that.
func (n *News) Option() (key string, yes bool) {
	if o := (metadata.OptionError{}); errors.As(n.Why, &o) {
		return o.Key[:min(len(o.Key), optionKeyLogged)], true
	}
	return "", false
}

// optionKeyLogged bounds the key of an option in the log: ours are shorter, and a client may send a long one.
const optionKeyLogged = 64

// unknownThing reports whether a request was refused because there is nothing by a name in it, or the name can be none.
func unknownThing(status wire.Status) bool {
	switch status {
	case wire.StatusStreamIDNotFound, wire.StatusTopicIDNotFound, wire.StatusConsumerGroupIDNotFound, wire.StatusResourceNotFound,
		wire.StatusInvalidStreamName, wire.StatusInvalidTopicName, wire.StatusInvalidConsumerGroupName, wire.StatusInvalidUsername,
		wire.StatusInvalidPersonalAccessTokenName:
		return true
	}
	return false
}

// Result is the status in the words of the metadata, where they are what refused: one status stands for several reasons. Else in its own.
func (n *News) Result() string {
	if n.Status == wire.StatusOK {
		return "ok"
	}
	why := metaReason(n.Why)
	if why == nil || metaStatuses[why] != n.Status {
		return n.Status.Error()
	}
	name, _, _ := strings.Cut(n.Status.Error(), ": ")
	return fmt.Sprintf("%s: %s (%d)", name, strings.TrimPrefix(why.Error(), "metadata: "), uint32(n.Status))
}
