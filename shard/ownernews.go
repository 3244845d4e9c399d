package shard

import (
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
)

// goneMax is how many logs whose files are gone the control room is told of in one message.
const goneMax = 1024

// carryNews carries what has become of what the logs of this shard were asked to do to who has asked, and reports whether there was anything.
func (s *Shard) carryNews() (any bool) {
	for n, ok := s.logs.TakeNews(); ok; n, ok = s.logs.TakeNews() {
		s.ownerNews(&n)
		any = true
	}
	for n, ok := s.logs.TakeNotRemoved(); ok; n, ok = s.logs.TakeNotRemoved() {
		s.log.Error("files of a deleted partition could not be removed; they are tried again at the next start",
			zap.String("event", "files_not_removed"), zap.Uint64("log", uint64(n.Log)), zap.Error(n.Err))
	}
	if s.logs.Closed() && s.controlHears() {
		s.tellControl(control.Event{Kind: control.EventClosed, Closed: s.logs.TakeClosed()})
		any = true
	}
	return any
}

// hasNews reports whether there is something that the control room is to be told when there is room for a message.
func (s *Shard) hasNews() bool {
	return s.logs.Closed() || s.logs.Gone() > 0 || s.logs.Handovers() || len(s.leavers) > 0
}

// controlHears reports whether there is room for a message to the control room beside those that answer its effects.
func (s *Shard) controlHears() bool {
	return s.coordinator != nil || s.port.ControlRoom(0) > controlReserve
}

// sendNews tells the control room what can be told once a turn: logs whose files are gone, hand-overs that can be completed, and members whose
// sessions have ended.
func (s *Shard) sendNews() {
	for s.logs.Gone() > 0 && s.controlHears() {
		s.tellControl(control.Event{Kind: control.EventFilesGone, Logs: s.logs.TakeGone(goneMax)})
	}
	if (s.logs.Handovers() || len(s.leavers) > 0) && s.controlHears() {
		e := control.Event{Kind: control.EventGroups, Handovers: s.logs.TakeHandovers(), Leavers: s.leavers}
		s.leavers = nil
		s.tellControl(e)
	}
}

// dropMember has a session's memberships ended.
func (s *Shard) dropMember(key metadata.MemberKey) { s.leavers = append(s.leavers, key) }

// ownerNews takes what has become of what the logs were asked to do.
func (s *Shard) ownerNews(n *owner.News) {
	switch n.Kind {
	case owner.NewsRaised:
		s.tellControl(control.Event{Kind: control.EventPrepared, Err: n.Err})
	case owner.NewsDetached:
		s.movedOut(n)
	case owner.NewsAttached:
		s.tellControl(control.Event{Kind: control.EventMoved, Err: n.Err})
	}
}
