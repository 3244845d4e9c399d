package shard

import (
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
	log     *zap.Logger
	process *zap.Logger       // for what is said without the shard's number
	clock   *clock            // of the shard
	users   *metadata.Machine // knows their names
	dataDir string
	rates   [eventKinds]eventRate
	tokens  int // lines of other kinds that peers may still cause until the next sweep
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
func (r *reports) userOf(p *wire.Peer) string {
	if !p.Session.Bound() {
		return ""
	}
	if u, err := r.users.Accounts.UserSince(metadata.UserID(p.Session.User), p.Session.Since); err == nil { // and not another who has got the number
		return u.Name
	}
	return ""
}
