package vsr

import "github.com/galgo-mq/galgo/wire"

// CREATE_PERSONAL_ACCESS_TOKEN (42), operation CreateToken.
//
//	name     length u8 and UTF-8
//	expiry   u64                   microseconds from now; 0 and all ones for never
//
// Reply, framed: the token, str8, which is shown this once. Errors: 50 empty name, 51 name taken, 52 too many, 56 an
// expiry that ends beyond what a u64 can say. An empty name has a status of its own, so it decodes.

// DecodeCreateToken decodes the body of the request.
func DecodeCreateToken(body []byte) (c wire.CreateToken, err error) {
	r := reader{p: body}
	c.Name = r.text8()
	c.ExpiryMicros = r.u64()
	return c, r.err()
}

// AppendCreateToken appends the body of the request.
func AppendCreateToken(dst []byte, c wire.CreateToken) []byte {
	return append64(append8(dst, c.Name), c.ExpiryMicros)
}

// AppendCreateTokenReply appends the body of the reply. token is 1 to 255 bytes.
func AppendCreateTokenReply(dst []byte, token string) []byte {
	return append8(appendResultOK(dst), token)
}

// DecodeCreateTokenReply decodes the body of the reply.
func DecodeCreateTokenReply(body []byte) (token string, err error) {
	r := reader{p: body}
	r.result()
	token = string(r.str8())
	return token, r.err()
}
