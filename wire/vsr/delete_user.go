package vsr

import "github.com/galgo-mq/galgo/wire"

// DELETE_USER (34), operation DeleteUser.
//
//	user   identifier
//
// Reply, framed: no payload. Errors: 41, 20 no such user, 48 root.

// DecodeDeleteUser decodes the body of the request.
func DecodeDeleteUser(body []byte) (d wire.DeleteUser, err error) {
	r := reader{p: body}
	d.User = r.identifier()
	return d, r.err()
}

// AppendDeleteUser appends the body of the request.
func AppendDeleteUser(dst []byte, d wire.DeleteUser) []byte { return appendIdentifier(dst, d.User) }
