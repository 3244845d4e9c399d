package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// describeClient adds to a client what the metadata knows of it.
func (of *World) describeClient(x *Client) *wire.ClientDetails {
	d := &wire.ClientDetails{Client: x.Client}
	if x.UserID != wire.NoUser {
		of.Meta.Memberships(x.Key, func(st metadata.StreamID, t metadata.TopicID, g metadata.GroupID) {
			d.Memberships = append(d.Memberships, wire.Membership{StreamID: uint32(st), TopicID: uint32(t), GroupID: uint32(g)})
		})
	}
	d.GroupsCount = uint32(len(d.Memberships))
	return d
}

func getMe(r *Room, c *Call, _ *wire.Request) {
	if !r.may(c, metadata.ActionGetMe, 0, 0) {
		return
	}
	x, _ := r.world.Clients.Find(c.Peer.ID)
	r.answer(c, r.world.describeClient(&x))
}

func getClient(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.GetClient)
	x, found := r.world.Clients.Find(g.ID)
	switch {
	case !found:
		r.answer(c, wire.NotThere{})
	case r.may(c, metadata.ActionGetClient, 0, 0):
		r.answer(c, r.world.describeClient(&x))
	}
}

func getClients(r *Room, c *Call, _ *wire.Request) {
	if !r.may(c, metadata.ActionGetClients, 0, 0) {
		return
	}
	r.lists.start(c, &listing{step: listClients})
}
