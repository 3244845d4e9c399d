package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_USER (31), a read.
//
//	user   identifier
//
// Reply: the user (see GET_USERS), then its permissions. No such user: an empty body. Error: 41, only for users that
// exist.

// DecodeGetUser decodes the body of the request.
func DecodeGetUser(body []byte) (g wire.GetUser, err error) {
	r := reader{p: body}
	g.User = r.identifier()
	return g, r.err()
}

// AppendGetUser appends the body of the request.
func AppendGetUser(dst []byte, g wire.GetUser) []byte { return appendIdentifier(dst, g.User) }

// AppendGetUserReply appends the body of the reply.
func AppendGetUserReply(dst []byte, u wire.UserDetails) []byte {
	return appendReplyPermissions(AppendUser(dst, u.User), u.Permissions)
}

// DecodeGetUserReply decodes the body of the reply. An empty one is not found.
func DecodeGetUserReply(body []byte) (u wire.UserDetails, found bool, err error) {
	if len(body) == 0 {
		return u, false, nil
	}
	r := reader{p: body}
	u = r.userDetails()
	return u, r.err() == nil, r.err()
}

func (r *reader) userDetails() wire.UserDetails {
	return wire.UserDetails{User: r.user(), Permissions: r.replyPermissions()}
}
