package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_USERS (32), a read. The request is empty; the reply is users back to back to the end of the body, by rising id,
// each:
//
//	id           u32
//	created at   u64     microseconds
//	status       u8      1 active, 2 inactive
//	name         str8
//	options      u32 size and block

// AppendUser appends one user; the body of the reply is nothing but these.
func AppendUser(dst []byte, u wire.User) []byte {
	dst = append64(append32(dst, u.ID), u.CreatedAtMicros)
	dst = append8(append(dst, byte(u.Status)), u.Username)
	return appendSizedOptions(dst, u.Options)
}

// DecodeGetUsersReply decodes the body of the reply.
func DecodeGetUsersReply(body []byte) (users []wire.User, err error) {
	r := reader{p: body}
	for len(r.p) > 0 {
		users = append(users, r.user())
	}
	return users, r.err()
}

func (r *reader) user() wire.User {
	return wire.User{
		ID: r.u32(), CreatedAtMicros: r.u64(), Status: wire.UserStatus(r.u8()),
		Username: string(r.str8()), Options: r.sizedOptions(),
	}
}
