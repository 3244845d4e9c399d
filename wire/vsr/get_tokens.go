package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_PERSONAL_ACCESS_TOKENS (41), a read: those of the user who asks. The request is empty; the reply is tokens back
// to back to the end of the body, each:
//
//	name         str8
//	expires at   u64    microseconds since 1970, 0 for never

// AppendToken appends one token; the body of the reply is nothing but these.
func AppendToken(dst []byte, t wire.Token) []byte {
	return append64(append8(dst, t.Name), t.ExpiresAtMicros)
}

// DecodeGetTokensReply decodes the body of the reply.
func DecodeGetTokensReply(body []byte) (tokens []wire.Token, err error) {
	r := reader{p: body}
	for len(r.p) > 0 {
		tokens = append(tokens, wire.Token{Name: string(r.str8()), ExpiresAtMicros: r.u64()})
	}
	return tokens, r.err()
}
