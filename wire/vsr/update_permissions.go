package vsr

import "github.com/galgo-mq/galgo/wire"

// UPDATE_PERMISSIONS (36), operation UpdatePermissions. They replace those the user has; none at all takes all away.
//
//	user          identifier
//	permissions   those of a request
//
// Reply, framed: no payload. Errors: 41, 20 no such user, 49 root.

// DecodeUpdatePermissions decodes the body of the request.
func DecodeUpdatePermissions(body []byte) (u wire.UpdatePermissions, err error) {
	r := reader{p: body}
	u.User = r.identifier()
	u.Permissions = r.permissions()
	return u, r.err()
}

// AppendUpdatePermissions appends the body of the request.
func AppendUpdatePermissions(dst []byte, u wire.UpdatePermissions) []byte {
	return appendPermissions(appendIdentifier(dst, u.User), u.Permissions)
}
