package shard

import (
	"github.com/galgo-mq/galgo/control"
	"github.com/galgo-mq/galgo/metadata"
)

// sendGroupNews tells the control room what has come up of groups, if there is room for a message: hand-overs that can be completed, and
// members whose sessions have ended.
func (s *Shard) sendGroupNews() {
	if !s.hasGroupNews() || !s.controlHears() {
		return
	}
	s.tellControl(control.Event{Kind: control.EventGroups, Handovers: s.logs.TakeHandovers(), Leavers: s.leavers})
	s.leavers = nil
}

func (s *Shard) hasGroupNews() bool { return len(s.leavers) > 0 || s.logs.Handovers() }

// controlHears reports whether there is room for a message to the control room beside those that answer its effects.
func (s *Shard) controlHears() bool {
	return s.coordinator != nil || s.port.ControlRoom(0) > controlReserve
}

// dropMember has a session's memberships ended.
func (s *Shard) dropMember(key metadata.MemberKey) { s.leavers = append(s.leavers, key) }
