package shard

import (
	"errors"
	"strings"
	"syscall"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/storage"
)

func (r *reports) connOpened(n *front.News) {
	if r.due(evConnectionOpened) {
		r.logEvent(evConnectionOpened, zap.String("peer", n.Peer.Address))
	}
}

func (r *reports) connForeign(n *front.News) {
	if r.due(evProtocolRefused) {
		r.logEvent(evProtocolRefused, zap.String("peer", n.Peer.Address),
			zap.String("speaks", n.Speaks), zap.String("result", n.Why), zap.String("use", front.UseClients))
	}
}

// connClosed says in the log why a connection ends.
func (r *reports) connClosed(n *front.News) {
	if n.Why != "" && r.due(evConnectionClosed) {
		fields := []zap.Field{zap.String("peer", n.Peer.Address), zap.String("user", r.userOf(&n.Peer)), zap.String("why", n.Why)}
		if n.Err != nil {
			fields = append(fields, zap.Error(n.Err))
		}
		r.logEvent(evConnectionClosed, fields...)
	}
	if n.Why == "" && r.due(evConnectionEnded) {
		r.logEvent(evConnectionEnded, zap.String("peer", n.Peer.Address), zap.String("user", r.userOf(&n.Peer)))
	}
}

func (r *reports) acceptFailed(err error) {
	if !r.logAllowed() {
		return
	}
	why := "accept failed"
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		why = "out of file descriptors: raise the limit (ulimit -n, LimitNOFILE) or lower connections_max"
	}
	r.log.Error(why, zap.String("event", "accept_failed"), zap.Error(err))
}

// storage says in the log what storage found. What polls can cause again and again is bounded, as what peers can.
func (r *reports) storage(event string, id storage.LogID, err error) {
	if strings.HasPrefix(event, "damaged") && !r.logAllowed() {
		return
	}
	r.process.Warn(event, StorageFields(r.users, id, err)...)
}
