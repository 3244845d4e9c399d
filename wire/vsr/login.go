package vsr

import "github.com/galgo-mq/galgo/wire"

// LOGIN_REGISTER (40) and LOGIN_REGISTER_WITH_PAT (45), operation Register for both; protocol 0.11.x. Opens a
// session. Refusals are evictions, which leave the connection open: the next attempt comes on it.
//
//	protocol      u32    major<<20 | minor<<10 | patch
//	sdk name      str8
//	sdk version   str8
//	then          user name bytes8, password bytes8
//	or            token bytes8
//	context       bytes32, empty
//
// Nothing says which of the two it is. It is taken for name and password if it can be read so: behind a token there
// are four zeros, where a password needs at least five bytes.
//
// Reply, framed: user id u32, session u64, protocol of the server u32, version of the server str8.

// Protocol is the version of this dialect, and ProtocolMin the lowest that a client may have.
const (
	Protocol    uint32 = 0<<20 | 11<<10 | 0
	ProtocolMin uint32 = 0<<20 | 11<<10 | 0
)

// DecodeLogin decodes the body of a Register. Its errors are Reasons: ReasonMalformedLogin, and
// ReasonIncompatibleProtocol for a version this server does not speak, before anything else is looked at. Names,
// passwords and tokens of illegal length are not errors but wrong.
func DecodeLogin(body []byte) (l wire.Login, err error) {
	r := reader{p: body}
	l.Protocol = r.u32()
	l.SDKName = r.str8()
	l.SDKVersion = r.str8()
	if r.err() != nil {
		return wire.Login{}, ReasonMalformedLogin
	}
	if l.Protocol < ProtocolMin || l.Protocol>>10 > Protocol>>10 {
		return wire.Login{}, ReasonIncompatibleProtocol
	}
	byPassword, byToken := r, r
	l.Username, l.Password = byPassword.bytes8(), byPassword.bytes8()
	byPassword.bytes32()
	if byPassword.err() == nil {
		return l, nil
	}
	l.Username, l.Password = nil, nil
	l.ByToken, l.Token = true, byToken.bytes8()
	byToken.bytes32()
	if byToken.err() != nil {
		return wire.Login{}, ReasonMalformedLogin
	}
	return l, nil
}

// AppendLogin appends the body of a Register.
func AppendLogin(dst []byte, l wire.Login) []byte {
	dst = append32(dst, l.Protocol)
	dst = append8(dst, l.SDKName)
	dst = append8(dst, l.SDKVersion)
	if l.ByToken {
		dst = append8(dst, l.Token)
	} else {
		dst = append8(dst, l.Username)
		dst = append8(dst, l.Password)
	}
	return append32(dst, 0)
}

// AppendLoginReply appends the body of the reply.
func AppendLoginReply(dst []byte, l wire.LoginReply) []byte {
	dst = appendResultOK(dst)
	dst = append32(dst, l.UserID)
	dst = append64(dst, l.Session)
	dst = append32(dst, l.Protocol)
	return append8(dst, l.ServerVersion)
}

// DecodeLoginReply decodes the body of the reply.
func DecodeLoginReply(body []byte) (l wire.LoginReply, err error) {
	r := reader{p: body}
	r.result()
	l.UserID = r.u32()
	l.Session = r.u64()
	l.Protocol = r.u32()
	l.ServerVersion = string(r.str8())
	return l, r.err()
}
