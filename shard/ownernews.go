package shard

import (
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/router"
)

// controlNews is what a shard has to tell the control room, as far as there is room for messages.
type controlNews struct {
	coordinator *coordinator // shard 0 only, where that room is
	mailbox     *router.Port[message]
	say         *zap.Logger
	of          *owner.Owner         // whose news are told
	leavers     []metadata.MemberKey // members whose sessions have ended, and the control room has not been told
}

// tellControl gives the control room an event. The caller has seen that there is room for a message, or the event answers one of the
// room's effects, for which there is.
func (n *controlNews) tellControl(e control.Event) {
	if n.coordinator != nil {
		n.coordinator.take(e)
		return
	}
	n.mailbox.Control(0, message{kind: msgControl, event: &metaEvent{news: e}})
}

// goneMax is how many logs whose files are gone the control room is told of in one message.
const goneMax = 1024

// carryNews carries what has become of what the logs of this shard were asked to do to who has asked, and reports whether there was anything.
func (n *controlNews) carryNews() (any bool) {
	if !n.of.HasNews() {
		return false
	}
	for x, ok := n.of.TakeNews(); ok; x, ok = n.of.TakeNews() {
		n.ownerNews(&x)
		any = true
	}
	for x, ok := n.of.Files.TakeNotRemoved(); ok; x, ok = n.of.Files.TakeNotRemoved() {
		n.say.Error("files of a deleted partition could not be removed; they are tried again at the next start",
			zap.String("event", "files_not_removed"), zap.Uint64("log", uint64(x.Log)), zap.Error(x.Err))
	}
	if n.of.Closed() && n.controlHears() {
		n.tellControl(control.Event{Kind: control.EventClosed, Closed: n.of.TakeClosed()})
		any = true
	}
	return any
}

// hasNews reports whether there is something that the control room is to be told when there is room for a message.
func (n *controlNews) hasNews() bool {
	return n.of.Closed() || n.of.Files.Gone() > 0 || n.of.Handovers() || len(n.leavers) > 0
}

// controlHears reports whether there is room for a message to the control room beside those that answer its effects.
func (n *controlNews) controlHears() bool {
	return n.coordinator != nil || n.mailbox.ControlRoom(0) > controlReserve
}

// sendNews tells the control room what can be told once a turn: logs whose files are gone, hand-overs that can be completed, and members whose
// sessions have ended.
func (n *controlNews) sendNews() {
	for n.of.Files.Gone() > 0 && n.controlHears() {
		n.tellControl(control.Event{Kind: control.EventFilesGone, Logs: n.of.Files.TakeGone(goneMax)})
	}
	if (n.of.Handovers() || len(n.leavers) > 0) && n.controlHears() {
		e := control.Event{Kind: control.EventGroups, Handovers: n.of.TakeHandovers(), Leavers: n.leavers}
		n.leavers = nil
		n.tellControl(e)
	}
}

// dropMember has a session's memberships ended.
func (n *controlNews) dropMember(key metadata.MemberKey) { n.leavers = append(n.leavers, key) }

// ownerNews takes what has become of what the logs were asked to do.
func (n *controlNews) ownerNews(x *owner.News) {
	switch x.Kind {
	case owner.NewsRaised:
		n.tellControl(control.Event{Kind: control.EventPrepared, Err: x.Err})
	case owner.NewsDetached:
		n.movedOut(x)
	case owner.NewsAttached:
		n.tellControl(control.Event{Kind: control.EventMoved, Err: x.Err})
	}
}
