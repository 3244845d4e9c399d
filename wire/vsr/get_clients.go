package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_CLIENTS (22), a read: every connection that has sent a request. The request is empty; the reply is clients back
// to back to the end of the body, each:
//
//	id          u32     above 0
//	user id     u32     0xFFFFFFFF before login
//	transport   u8
//	address     str32   ip:port
//	groups      u32     how many it has joined

// AppendClient appends one client; the body of the reply is nothing but these.
func AppendClient(dst []byte, c wire.Client) []byte {
	dst = append32(append32(dst, c.ID), c.UserID)
	dst = appendBytes32(append(dst, byte(c.Transport)), c.Address)
	return append32(dst, c.GroupsCount)
}

// DecodeGetClientsReply decodes the body of the reply.
func DecodeGetClientsReply(body []byte) (clients []wire.Client, err error) {
	r := reader{p: body}
	for len(r.p) > 0 {
		clients = append(clients, r.client())
	}
	return clients, r.err()
}

func (r *reader) client() wire.Client {
	return wire.Client{
		ID: r.u32(), UserID: r.u32(), Transport: wire.Transport(r.u8()), Address: r.str32(), GroupsCount: r.u32(),
	}
}
