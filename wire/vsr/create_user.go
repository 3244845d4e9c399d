package vsr

import "github.com/galgo-mq/galgo/wire"

// CREATE_USER (33), operation CreateUser.
//
//	name          length u8 and UTF-8
//	password      bytes8
//	status        u8
//	permissions   those of a request
//	options       block to the end
//
// Reply, framed: as GET_USER. Errors: 41, 43 length of the name, 44 of the password, 45 status, 46 name taken, 55 too
// many, 4041 any option. Lengths and status have statuses of their own, so they decode whatever they are.

// DecodeCreateUser decodes the body of the request.
func DecodeCreateUser(body []byte) (c wire.CreateUser, err error) {
	r := reader{p: body}
	c.Username, c.Password = r.text8(), r.bytes8()
	c.Status = wire.UserStatus(r.u8())
	c.Permissions = r.permissions()
	c.Options = r.options()
	return c, r.err()
}

// AppendCreateUser appends the body of the request.
func AppendCreateUser(dst []byte, c wire.CreateUser) []byte {
	dst = append8(append8(dst, c.Username), c.Password)
	dst = appendPermissions(append(dst, byte(c.Status)), c.Permissions)
	return appendOptions(dst, c.Options)
}

// AppendCreateUserReply appends the body of the reply.
func AppendCreateUserReply(dst []byte, u wire.UserDetails) []byte {
	return AppendGetUserReply(appendResultOK(dst), u)
}

// DecodeCreateUserReply decodes the body of the reply.
func DecodeCreateUserReply(body []byte) (u wire.UserDetails, err error) {
	r := reader{p: body}
	r.result()
	u = r.userDetails()
	return u, r.err()
}
