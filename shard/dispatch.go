package shard

import (
	"errors"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// handler answers one command, or hands it on so that it is answered later. body is the request's, and lives until
// dropFrame.
type handler func(s *Shard, c *conn, q *request, body []byte)

// handlers are the commands that work. Others of the protocol answer that the feature is unavailable. It is an array
// because it is looked at for every request.
var handlers [1024]handler

func init() {
	for code, h := range map[wire.Code]handler{
		wire.CodePing: ping, wire.CodeLogin: login, wire.CodeLogout: logoutCommand,
		wire.CodeGetClusterMetadata: getClusterMetadata, wire.CodeGetMe: getMe, wire.CodeGetStats: getStats,
		wire.CodeGetClient: getClient, wire.CodeGetClients: getClients, wire.CodeGetUser: getUser, wire.CodeGetUsers: getUsers,
		wire.CodeCreateUser: createUser, wire.CodeDeleteUser: deleteUser, wire.CodeUpdateUser: updateUser,
		wire.CodeUpdatePermissions: updatePermissions, wire.CodeChangePassword: changePassword,
		wire.CodeGetTokens: getTokens, wire.CodeCreateToken: createToken, wire.CodeDeleteToken: deleteToken,
		wire.CodeDescribeOptions: describeOptions, wire.CodeSetDurability: setDurability, wire.CodeGetSnapshotFile: getSnapshotFile,
		wire.CodeGetStream: getStream, wire.CodeGetStreams: getStreams, wire.CodeCreateStream: createStream,
		wire.CodeUpdateStream: updateStream, wire.CodeDeleteStream: deleteStream, wire.CodePurgeStream: purgeStream,
		wire.CodeGetTopic: getTopic, wire.CodeGetTopics: getTopics, wire.CodeCreateTopic: createTopic,
		wire.CodeUpdateTopic: updateTopic, wire.CodeDeleteTopic: deleteTopic, wire.CodePurgeTopic: purgeTopic,
		wire.CodeCreatePartitions: createPartitions, wire.CodeDeletePartitions: deletePartitions,
		wire.CodeDeleteSegments: deleteSegments,
		wire.CodeSendMessages:   sendMessages, wire.CodePollMessages: pollMessages,
		wire.CodeFlushUnsavedBuffer: flushUnsavedBuffer,
		wire.CodeGetConsumerOffset:  getConsumerOffset, wire.CodeStoreConsumerOffset: storeConsumerOffset,
		wire.CodeDeleteConsumerOffset: deleteConsumerOffset,
		wire.CodeGetConsumerGroup:     getConsumerGroup, wire.CodeGetConsumerGroups: getConsumerGroups,
		wire.CodeCreateConsumerGroup: createConsumerGroup, wire.CodeDeleteConsumerGroup: deleteConsumerGroup,
		wire.CodeJoinConsumerGroup: joinConsumerGroup, wire.CodeLeaveConsumerGroup: leaveConsumerGroup,
		wire.CodeSyncConsumerGroup: syncConsumerGroup,
	} {
		handlers[code] = h
	}
}

// dispatch handles the frame p of q.
func (s *Shard) dispatch(c *conn, q *request, p []byte) {
	s.stats.requests++
	q.codec = c.codec
	r, err := q.codec.open(p, c.session.bound())
	q.handle, q.code = r.handle, r.code
	if err == nil && r.numbered {
		q.numbered = true
		err = c.numbered(q.handle.Request)
	}
	if err != nil {
		s.reject(c, q, err)
		return
	}
	h := handlers[q.code]
	if h == nil {
		s.refuse(q, wire.StatusFeatureUnavailable)
		return
	}
	if s.orphaned(c) && q.code != wire.CodePing && q.code != wire.CodeLogin && q.code != wire.CodeLogout {
		s.refuse(q, wire.StatusUnauthenticated)
		return
	}
	h(s, c, q, r.body)
}

// orphaned reports whether c has the session of a user who is gone: it may do no more than who has not logged in, and is not to
// see which things exist.
func (s *Shard) orphaned(c *conn) bool {
	if !c.session.bound() {
		return false
	}
	_, err := s.meta.UserSince(c.session.user, c.session.since)
	return err != nil
}

// numbered refuses a metadata command that was sent before: it must not be applied twice.
func (c *conn) numbered(request uint64) error {
	if request <= c.lastMeta {
		return wire.StatusRequestAlreadyApplied
	}
	c.lastMeta = request
	return nil
}

// reject answers a request that breaks a rule of the protocol, or ends its connection.
func (s *Shard) reject(c *conn, q *request, err error) {
	if errors.Is(err, errNoRequest) {
		s.drop(c, q, "not a request", err)
		return
	}
	revision := uint64(0)
	if c.session.bound() { // how much has changed is no stranger's business
		revision = s.meta.Revision()
	}
	s.dropFrame(q)
	q.codec.putRefusal(q.head, q.handle, err, revision)
	s.respondHead(c, q)
}

// respondHead sends an answer that is a head and nothing else.
func (s *Shard) respondHead(c *conn, q *request) {
	c.vec = append(c.vec[:0], q.head[:q.codec.headBytes])
	s.respond(c, q, c.vec)
}

// drop ends the connection without an answer.
func (s *Shard) drop(c *conn, q *request, why string, err error) {
	c.busy = nil
	s.finish(q)
	s.closeConn(c, why, err)
}

// refuse answers q with an error.
func (s *Shard) refuse(q *request, status wire.Status) {
	c := q.conn
	if c == nil {
		panic("BUG: refused a request that no client made")
	}
	s.dropFrame(q)
	again := status == wire.StatusTransientNotCommitted || status == wire.StatusTransientNotAccepted
	if again && c.lastMeta == q.handle.Request && q.numbered {
		c.lastMeta-- // the same request will come again
	}
	q.codec.putReply(q.head, q.handle, status, 0, s.meta.Revision())
	s.respondHead(c, q)
}

// refuseLogin answers a login that failed; the connection stays.
func (s *Shard) refuseLogin(c *conn, q *request, status wire.Status) {
	s.dropFrame(q)
	q.codec.putLoginRefusal(q.head, q.handle, status)
	s.respondHead(c, q)
}

// replyEmpty answers q with success and nothing else.
func (s *Shard) replyEmpty(q *request) {
	s.reply(q, q.codec.appendEmpty(s.body(q), q.handle))
}

// body returns where the body of q's reply is to be appended; it may grow beyond it.
func (s *Shard) body(q *request) []byte { return q.head[q.codec.headBytes:q.codec.headBytes] }

// reply answers q with a body, which was appended to what body returned.
func (s *Shard) reply(q *request, body []byte) {
	s.dropFrame(q)
	c, head := q.conn, q.codec.headBytes
	vec := append(c.vec[:0], q.head[:head])
	if len(body) <= headBytes-head {
		copy(q.head[head:], body)
		vec[0] = q.head[:head+len(body)]
	} else {
		if q.reply = s.replyPool.Get(len(body)); q.reply == nil {
			s.log.Warn("no memory for a reply", zap.Int("bytes", len(body)), zap.Uint32("code", uint32(q.code)))
			s.refuse(q, wire.StatusError)
			return
		}
		vec = append(vec, q.reply[:copy(q.reply, body)])
	}
	q.codec.putReply(q.head, q.handle, wire.StatusOK, len(body), s.meta.Revision())
	c.vec = vec
	s.respond(c, q, vec)
}

// answered goes on with a request that its owner has answered.
func (s *Shard) answered(q *request) {
	if q.internal != nil {
		q.internal(s, q)
		return
	}
	if q.owing.active {
		s.owed(q)
		return
	}
	if q.Err == storage.ErrNotOwned {
		s.notOwned(q)
		return
	}
	if q.Err != nil {
		s.storeFailed(q)
		return
	}
	switch q.code {
	case wire.CodeSendMessages:
		s.replySend(q)
	case wire.CodePollMessages:
		s.replyPoll(q)
	case wire.CodeGetConsumerOffset:
		s.replyOffset(q)
	default:
		s.replyEmpty(q)
	}
}
