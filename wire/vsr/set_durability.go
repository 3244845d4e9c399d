package vsr

import "github.com/galgo-mq/galgo/wire"

// SET_DURABILITY (1000), a read by its operation: clients of the protocol have no operation for it. Galgo's own, for operators:
// the update of a topic cannot change its levels. Others answer 3.
//
//	stream      identifier
//	topic       identifier
//	messages    u8    0 stays, 1 replicated, 2 persisted, 3 written, 4 memory
//	offsets     u8    of stored consumer offsets, likewise
//
// Other levels are for the handler to refuse. Reply: empty, when all that was acknowledged is as safe as the new level says.

// DecodeSetDurability decodes the body of the request.
func DecodeSetDurability(body []byte) (d wire.SetDurability, err error) {
	r := reader{p: body}
	d.Stream, d.Topic = r.identifier(), r.identifier()
	d.Messages, d.Offsets = wire.Durability(r.u8()), wire.Durability(r.u8())
	return d, r.err()
}

// AppendSetDurability appends the body of the request.
func AppendSetDurability(dst []byte, d wire.SetDurability) []byte {
	dst = appendIdentifier(appendIdentifier(dst, d.Stream), d.Topic)
	return append(dst, byte(d.Messages), byte(d.Offsets))
}
