package vsr

import "github.com/galgo-mq/galgo/wire"

// UPDATE_TOPIC (304), operation UpdateTopic. The name is always there; the present one is legal. Options that are
// absent keep their value.
//
//	stream    identifier
//	topic     identifier
//	name      str8
//	options   block to the end
//
// Reply, framed: no payload. Errors: 1009, 2010 not found, 2013 name taken, 1019, 4041 option not to be changed, 4042.

// DecodeUpdateTopic decodes the body of the request.
func DecodeUpdateTopic(body []byte) (u wire.UpdateTopic, err error) {
	r := reader{p: body}
	u.Stream, u.Topic = r.identifier(), r.identifier()
	u.Name = r.str8()
	u.Options = r.options()
	return u, r.err()
}

// AppendUpdateTopic appends the body of the request.
func AppendUpdateTopic(dst []byte, u wire.UpdateTopic) []byte {
	dst = appendIdentifier(appendIdentifier(dst, u.Stream), u.Topic)
	return appendOptions(append8(dst, u.Name), u.Options)
}
