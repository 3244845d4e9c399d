package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_CLUSTER_METADATA (12), a read. Clients send it after every login, and look for another server unless the
// reply names exactly one node. The request is empty; the reply:
//
//	name    str32
//	count   u32
//	nodes   count times: name str32, ip str32, ports u16 of TCP, QUIC, HTTP and WebSocket, role u8, status u8 (0 to 4)

// AppendGetClusterMetadataReply appends the body of the reply.
func AppendGetClusterMetadataReply(dst []byte, m wire.ClusterMetadata) []byte {
	dst = appendBytes32(dst, m.Name)
	dst = append32(dst, uint32(len(m.Nodes)))
	for _, n := range m.Nodes {
		dst = appendBytes32(dst, n.Name)
		dst = appendBytes32(dst, n.IP)
		dst = append16(dst, n.TCPPort)
		dst = append16(dst, n.QUICPort)
		dst = append16(dst, n.HTTPPort)
		dst = append16(dst, n.WebSocketPort)
		dst = append(dst, byte(n.Role), byte(n.Status))
	}
	return dst
}

// DecodeGetClusterMetadataReply decodes the body of the reply.
func DecodeGetClusterMetadataReply(body []byte) (m wire.ClusterMetadata, err error) {
	r := reader{p: body}
	m.Name = r.str32()
	for count := r.u32(); count > 0 && r.err() == nil; count-- {
		m.Nodes = append(m.Nodes, r.node())
	}
	return m, r.err()
}

func (r *reader) node() wire.Node {
	n := wire.Node{
		Name: r.str32(), IP: r.str32(),
		TCPPort: r.u16(), QUICPort: r.u16(), HTTPPort: r.u16(), WebSocketPort: r.u16(),
		Role: wire.NodeRole(r.u8()), Status: wire.NodeStatus(r.u8()),
	}
	if n.Role > wire.NodeFollower || n.Status > wire.NodeMaintenance {
		r.fail()
	}
	return n
}
