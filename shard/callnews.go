package shard

import (
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/wire"
)

// callEvents say what the log calls the news of commands. What only reads or sends and was refused, and was not forbidden, is for who
// looks closely.
var callEvents = [...]eventKind{
	call.LoggedIn: evLogin, call.LoginFailed: evLoginFailed, call.SessionEnded: evLogout, call.MemberSilent: evMemberSilent,
	call.Changed: evMetadataChanged, call.Refused: evRequestRefused, call.LimitHit: evLimitHit,
	call.ReplyWithoutMemory: evReplyWithoutMemory, call.ArchiveFailed: evSnapshotFailed, call.RequestFailed: evRequestFailed,
}

// callNews says in the log what has happened to a command.
func (r *reports) callNews(n *call.News) {
	switch n.Kind {
	case call.Unauthorized, call.ListTooLarge, call.ListWithoutMemory:
		if r.logAllowed() {
			r.callFault(n)
		}
		return
	case call.DiskFull:
		r.log.Error("disk full: appends are refused until there is room", zap.String("event", "disk_full"), zap.String("data_dir", r.dataDir), zap.Error(n.Err))
		return
	case call.DiskHasRoom:
		r.log.Info("the disk has room: appends are stored again", zap.String("event", "disk_has_room"))
		return
	}
	k := callEvents[n.Kind]
	again := n.Status == wire.StatusTransientNotCommitted || n.Status == wire.StatusTransientNotAccepted // the client comes again
	if n.Kind == call.Refused && (n.Told || n.Status == wire.StatusUnauthorized) && !again {
		k = evCommandRefused
	}
	if r.due(k) {
		r.logEvent(k, r.callFields(n)...)
	}
}

// callFields are the fields of news of which the log has a kind.
func (r *reports) callFields(n *call.News) []zap.Field {
	peer, bytes := zap.String("peer", n.Peer.Address), zap.Int("bytes", n.Bytes)
	switch n.Kind {
	case call.LoggedIn:
		return []zap.Field{peer, zap.String("user", n.User), zap.String("by", n.By), zap.Uint64("session", n.Peer.Session.Number)}
	case call.LoginFailed:
		return []zap.Field{peer, zap.String("user", n.User), zap.String("by", n.By), zap.String("result", n.Result())}
	case call.SessionEnded, call.MemberSilent:
		return []zap.Field{peer, zap.String("user", r.userOf(&n.Peer)), zap.Uint64("session", n.Peer.Session.Number)}
	case call.ReplyWithoutMemory:
		return []zap.Field{bytes, zap.Stringer("command", n.Code)}
	case call.ArchiveFailed:
		return []zap.Field{bytes, zap.Error(n.Err)}
	case call.RequestFailed:
		return []zap.Field{zap.Uint64("log", uint64(n.Log)), zap.Stringer("command", n.Code), zap.Error(n.Err)}
	}
	fields := []zap.Field{peer, zap.String("user", r.userOf(&n.Peer)), zap.Stringer("command", n.Code), zap.String("object", n.Object)}
	if n.Kind != call.LimitHit {
		fields = append(fields, zap.String("result", n.Result()))
		if option, yes := n.Option(); yes {
			fields = append(fields, zap.String("option", option))
		}
		return fields
	}
	if n.Log != 0 {
		fields = append(fields, zap.Uint64("log", uint64(n.Log)))
	}
	return append(fields, zap.String("limit", n.Limit))
}

// callFault says what is wrong with the server, or with what it was given.
func (r *reports) callFault(n *call.News) {
	code := zap.Uint32("code", uint32(n.Code))
	switch n.Kind {
	case call.Unauthorized:
		r.log.Error("request refused: its rights were not looked at; this is a fault of the server", zap.String("event", "request_unjudged"), code)
	case call.ListTooLarge:
		r.log.Warn("list refused: it is larger than what memory has for lists; raise memory, or ask for less at once", code,
			zap.Int("bytes", n.Bytes), zap.Int("max", n.Max), zap.String("event", "list_too_large"))
	case call.ListWithoutMemory:
		r.log.Warn("list refused: memory for replies is used up", code, zap.Int("bytes", n.Bytes), zap.Int("max", n.Max), zap.String("event", "list_no_memory"))
	}
}
