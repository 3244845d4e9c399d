package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_CLIENT (21), a read. GET_ME (20) has an empty request and the same reply, for the connection it came on.
//
//	id   u32
//
// Reply: a client (see GET_CLIENTS), then for each group it has joined: stream u32, topic u32, group u32. No such
// client: an empty body.

// DecodeGetClient decodes the body of the request.
func DecodeGetClient(body []byte) (g wire.GetClient, err error) {
	r := reader{p: body}
	g.ID = r.u32()
	return g, r.err()
}

// AppendGetClient appends the body of the request.
func AppendGetClient(dst []byte, g wire.GetClient) []byte { return append32(dst, g.ID) }

// AppendGetClientReply appends the body of the reply; that of GET_ME is the same.
func AppendGetClientReply(dst []byte, c wire.ClientDetails) []byte {
	c.GroupsCount = uint32(len(c.Memberships))
	dst = AppendClient(dst, c.Client)
	for _, m := range c.Memberships {
		dst = append32(append32(append32(dst, m.StreamID), m.TopicID), m.GroupID)
	}
	return dst
}

// DecodeGetClientReply decodes the body of the reply; that of GET_ME is the same. An empty one is not found.
func DecodeGetClientReply(body []byte) (c wire.ClientDetails, found bool, err error) {
	if len(body) == 0 {
		return c, false, nil
	}
	r := reader{p: body}
	c.Client = r.client()
	for n := c.GroupsCount; n > 0 && r.err() == nil; n-- {
		c.Memberships = append(c.Memberships, wire.Membership{StreamID: r.u32(), TopicID: r.u32(), GroupID: r.u32()})
	}
	return c, r.err() == nil, r.err()
}
