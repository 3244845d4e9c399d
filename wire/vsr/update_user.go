package vsr

import "github.com/galgo-mq/galgo/wire"

// UPDATE_USER (35), operation UpdateUser. To change nothing is legal, and so is the present name.
//
//	user      identifier
//	name      flag u8; if 1: length u8 and UTF-8
//	status    flag u8; if 1: u8
//	options   block to the end
//
// Reply, framed: no payload. Errors: 41, 20 no such user, 43 length of the name, 45 status, 46 name taken, 4041 any
// option.

// DecodeUpdateUser decodes the body of the request.
func DecodeUpdateUser(body []byte) (u wire.UpdateUser, err error) {
	r := reader{p: body}
	u.User = r.identifier()
	if u.HasUsername = r.flag(); u.HasUsername {
		u.Username = r.text8()
	}
	if u.HasStatus = r.flag(); u.HasStatus {
		u.Status = wire.UserStatus(r.u8())
	}
	u.Options = r.options()
	return u, r.err()
}

// AppendUpdateUser appends the body of the request.
func AppendUpdateUser(dst []byte, u wire.UpdateUser) []byte {
	dst = appendFlag(appendIdentifier(dst, u.User), u.HasUsername)
	if u.HasUsername {
		dst = append8(dst, u.Username)
	}
	dst = appendFlag(dst, u.HasStatus)
	if u.HasStatus {
		dst = append(dst, byte(u.Status))
	}
	return appendOptions(dst, u.Options)
}
