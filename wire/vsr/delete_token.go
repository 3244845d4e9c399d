package vsr

import "github.com/galgo-mq/galgo/wire"

// DELETE_PERSONAL_ACCESS_TOKEN (43), operation DeleteToken.
//
//	name   length u8 and UTF-8
//
// Reply, framed: no payload. Error: 20 no such token.

// DecodeDeleteToken decodes the body of the request.
func DecodeDeleteToken(body []byte) (d wire.DeleteToken, err error) {
	r := reader{p: body}
	d.Name = r.text8()
	return d, r.err()
}

// AppendDeleteToken appends the body of the request.
func AppendDeleteToken(dst []byte, d wire.DeleteToken) []byte { return append8(dst, d.Name) }
