package shard

import (
	"net/netip"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// host is the address of a peer without its port.
func host(peer string) string {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return peer
	}
	return at.Addr().String()
}

// describeClient adds to a client what the metadata knows of it.
func (s *Shard) describeClient(r *registered) *wire.ClientDetails {
	d := &wire.ClientDetails{Client: r.Client}
	if r.UserID != wire.NoUser {
		s.meta.Memberships(r.key, func(st metadata.StreamID, t metadata.TopicID, g metadata.GroupID) {
			d.Memberships = append(d.Memberships, wire.Membership{StreamID: uint32(st), TopicID: uint32(t), GroupID: uint32(g)})
		})
	}
	d.GroupsCount = uint32(len(d.Memberships))
	return d
}

func getMe(s *Shard, q *request, _ *wire.Request) {
	if !s.may(q, metadata.ActionGetMe, 0, 0) {
		return
	}
	x, _ := s.g.registry.find(q.Peer.ID)
	s.answer(q, s.describeClient(&x))
}

func getClient(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.GetClient)
	x, found := s.g.registry.find(g.ID)
	switch {
	case !found:
		s.answer(q, wire.NotThere{})
	case s.may(q, metadata.ActionGetClient, 0, 0):
		s.answer(q, s.describeClient(&x))
	}
}

func getClients(s *Shard, q *request, _ *wire.Request) {
	if !s.may(q, metadata.ActionGetClients, 0, 0) {
		return
	}
	s.list(q, &listing{step: listClients})
}
