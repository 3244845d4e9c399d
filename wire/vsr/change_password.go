package vsr

import "github.com/galgo-mq/galgo/wire"

// CHANGE_PASSWORD (37), operation ChangePassword. The current password is that of the user named, whoever asks.
//
//	user       identifier
//	current    bytes8
//	new        bytes8
//	flags      u8         may be missing; 1: the user's tokens go too. Clients of the protocol send none
//
// Reply, framed: no payload. Errors: 41, 20 no such user, 42 not the current password, 44 length of the new one.

// DecodeChangePassword decodes the body of the request.
func DecodeChangePassword(body []byte) (c wire.ChangePassword, err error) {
	r := reader{p: body}
	c.User = r.identifier()
	c.Current, c.New = r.bytes8(), r.bytes8()
	if len(r.p) > 0 {
		if c.DropTokens = r.u8() == 1; !c.DropTokens {
			r.fail()
		}
	}
	return c, r.err()
}

// AppendChangePassword appends the body of the request.
func AppendChangePassword(dst []byte, c wire.ChangePassword) []byte {
	dst = append8(append8(appendIdentifier(dst, c.User), c.Current), c.New)
	if c.DropTokens {
		dst = append(dst, 1)
	}
	return dst
}
