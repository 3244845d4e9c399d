package shard

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// eventKind is what happened, as the log names it: docs/log-events.md lists them.
type eventKind uint8

const (
	evLogin eventKind = iota
	evLoginFailed
	evLogout
	evMetadataChanged
	evCommandRefused
	evLimitHit
	evProtocolRefused
	evConnectionRefused
	evAddressRefused
	evConnectionClosed
	evConnectionOpened
	evConnectionEnded
	evRequestRefused
	evReplyWithoutMemory
	evMemberSilent
	evSnapshotFailed
	evRequestFailed

	eventKinds
)

// eventTable says for each kind how it is logged: its name in the field event, its level, how many lines a second each shard may
// write, and the words for people.
var eventTable = [eventKinds]struct {
	name      string
	level     zapcore.Level
	perSecond uint32
	text      string
}{
	evLogin:             {event("login"), zap.InfoLevel, 50, "login"},
	evLoginFailed:       {event("login_failed"), zap.WarnLevel, 20, "login failed"},
	evLogout:            {event("logout"), zap.InfoLevel, 50, "logout"},
	evMetadataChanged:   {event("metadata_changed"), zap.InfoLevel, 100, "metadata changed"},
	evCommandRefused:    {event("command_refused"), zap.WarnLevel, 20, "command refused"},
	evLimitHit:          {event("limit_hit"), zap.WarnLevel, 20, "limit hit"},
	evProtocolRefused:   {event("protocol_refused"), zap.WarnLevel, 20, "a client that speaks something else was turned away"},
	evConnectionRefused: {event("connection_refused"), zap.WarnLevel, 20, "connection refused: too many"},
	evAddressRefused:    {event("connection_refused"), zap.WarnLevel, 20, "connection refused: too many from its address"},
	evConnectionClosed:  {event("connection_closed"), zap.WarnLevel, 20, "connection closed"},
	evConnectionOpened:  {event("connection_opened"), zap.DebugLevel, 100, "connection opened"},
	evConnectionEnded:   {event("connection_ended"), zap.DebugLevel, 100, "connection ended"},
	evRequestRefused:    {event("request_refused"), zap.DebugLevel, 100, "request refused"},

	evReplyWithoutMemory: {event("reply_without_memory"), zap.WarnLevel, 20, "no memory for a reply"},
	evMemberSilent:       {event("member_silent"), zap.InfoLevel, 20, "a member of a consumer group was silent for too long"},
	evSnapshotFailed:     {event("snapshot_failed"), zap.WarnLevel, 20, "snapshot for an operator failed"},
	evRequestFailed:      {event("request_failed"), zap.ErrorLevel, 20, "request failed"},
}

// event marks the name of an event in the source: a test compares all of them with docs/log-events.md.
func event(name string) string { return name }

// reports writes what happens in one shard to the log. Level and rate are looked at before a line's fields are made.
type reports struct {
	log      *zap.Logger
	clock    *clock // of the shard
	rates    [eventKinds]eventRate
	tokens   int // lines of other kinds that peers may still cause until the next sweep
	diskFull diskFull
}

// eventRate bounds the lines of one kind.
type eventRate struct {
	second     int64 // since when left counts
	left       uint32
	suppressed uint64
}

// due reports whether an event of that kind is to be logged now; log follows if it is.
func (r *reports) due(k eventKind) bool {
	row, now := &eventTable[k], r.clock.mono
	if !r.log.Core().Enabled(row.level) {
		return false
	}
	x := &r.rates[k]
	if x.second == 0 || now-x.second >= int64(time.Second) {
		x.second, x.left = max(1, now), row.perSecond
	}
	if x.left == 0 {
		x.suppressed++
		return false
	}
	x.left--
	return true
}

// logAllowed bounds what peers can make the log grow by where there is no kind of event for it.
func (r *reports) logAllowed() bool {
	if r.tokens == 0 || !r.log.Core().Enabled(zap.WarnLevel) {
		return false
	}
	r.tokens--
	return true
}

// logEvent logs an event that is due, and how many of its kind were not since the last one.
func (r *reports) logEvent(k eventKind, fields ...zap.Field) {
	row, x := &eventTable[k], &r.rates[k]
	if x.suppressed > 0 {
		fields = append(fields, zap.Uint64("suppressed", x.suppressed))
		x.suppressed = 0
	}
	if e := r.log.Check(row.level, row.text); e != nil {
		e.Write(append([]zap.Field{zap.String("event", row.name)}, fields...)...)
	}
}

// userOf is the name of the user whose session p has, for the log; empty: there is none.
func (s *Shard) userOf(p *wire.Peer) string {
	if !p.Session.Bound() {
		return ""
	}
	if u, err := s.meta.Accounts.UserSince(metadata.UserID(p.Session.User), p.Session.Since); err == nil { // and not another who has got the number
		return u.Name
	}
	return ""
}

func (s *Shard) loggedIn(p *wire.Peer, user *metadata.User, by string) {
	if s.due(evLogin) {
		s.logEvent(evLogin, zap.String("peer", p.Address), zap.String("user", user.Name), zap.String("by", by), zap.Uint64("session", p.Session.Number))
	}
}

// loginFailed names the user only if there is one: people type passwords into the wrong field.
func (s *Shard) loginFailed(p *wire.Peer, user, by string, status wire.Status) {
	if s.due(evLoginFailed) {
		s.logEvent(evLoginFailed, zap.String("peer", p.Address), zap.String("user", user), zap.String("by", by), result(status))
	}
}

func (s *Shard) loggedOut(p *wire.Peer) {
	if p.Session.Bound() && s.due(evLogout) {
		s.logEvent(evLogout, zap.String("peer", p.Address), zap.String("user", s.userOf(p)), zap.Uint64("session", p.Session.Number))
	}
}

// metadataChanged is for a command of a client that was applied.
func (s *Shard) metadataChanged(q *request) {
	if q.Peer != nil && rowOf(q.code).told && s.due(evMetadataChanged) {
		s.logEvent(evMetadataChanged, append(s.requestFields(q), result(wire.StatusOK))...)
	}
}

// commandRefused is for a request that is refused; what only reads or sends, and was not forbidden, is for who looks closely.
func (s *Shard) commandRefused(q *request, status wire.Status) {
	k := evRequestRefused
	if rowOf(q.code).told || status == wire.StatusUnauthorized {
		k = evCommandRefused
	}
	if status == wire.StatusTransientNotCommitted || status == wire.StatusTransientNotAccepted {
		k = evRequestRefused // the client comes again
	}
	if s.due(k) {
		if unknownThing(status) {
			q.object = "" // there is none of that name: it may be a password in the wrong place
		}
		fields := append(s.requestFields(q), refusal(q, status))
		if o := (metadata.OptionError{}); errors.As(q.proposal.Err, &o) {
			fields = append(fields, zap.String("option", o.Key[:min(len(o.Key), optionKeyLogged)]))
		}
		s.logEvent(k, fields...)
	}
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

// limitHit is for what a named limit refused.
func (r *reports) limitHit(limit string, fields ...zap.Field) {
	r.logEvent(evLimitHit, append(fields, zap.String("limit", limit))...)
}

func (s *Shard) requestFields(q *request) []zap.Field {
	return []zap.Field{zap.String("peer", q.Peer.Address), zap.String("user", s.userOf(q.Peer)),
		zap.Stringer("command", q.code), zap.String("object", q.object)}
}

func result(status wire.Status) zap.Field {
	if status == wire.StatusOK {
		return zap.String("result", "ok")
	}
	return zap.String("result", status.Error())
}

// refusal is result in the words of the metadata, where they are what refused: one status stands for several reasons.
func refusal(q *request, status wire.Status) zap.Field {
	why := metaReason(q.proposal.Err)
	if why == nil || metaStatuses[why] != status {
		return result(status)
	}
	name, _, _ := strings.Cut(status.Error(), ": ")
	return zap.String("result", fmt.Sprintf("%s: %s (%d)", name, strings.TrimPrefix(why.Error(), "metadata: "), uint32(status)))
}

// about adds to what a request is about: stream, topic, and what is made in it or named, with slashes between. It is copied, as
// the frame may be gone when it is logged.
func (q *request) about(name string) {
	if q.object != "" {
		name = q.object + "/" + name
	}
	q.object = name
}

// aboutRule notes what an action on stream and topic is about, for a command that an operator wants to know of.
func (q *request) aboutRule(a metadata.Action, stream, topic metadata.Ident) {
	if !rowOf(q.code).told {
		return
	}
	made := q.object
	q.object = ""
	if rule := a.Rule(); rule.Stream != 0 || rule.Topic != 0 {
		q.about(stream.String())
		if rule.Topic != 0 {
			q.about(topic.String())
		}
	}
	if made != "" {
		q.about(made)
	}
}
