package front

import "github.com/galgo-mq/galgo/wire"

// NewsKind says what has happened to a connection.
type NewsKind uint8

const (
	// Accepted: FD is a new socket. Adopt or Refuse follows.
	Accepted NewsKind = iota + 1
	// AcceptFailed: Err says why nothing is accepted for a moment.
	AcceptFailed
	// Opened: Peer has a connection here.
	Opened
	// Served: Peer has sent its first request, in a dialect that is served.
	Served
	// Foreign: Peer speaks something else; Speaks and Why say what, and what became of it.
	Foreign
	// Closed: the connection is closed, for Why and Err; for no reason: in order.
	Closed
	// Over: Peer's session ends with its connection.
	Over
	// Left: the connection is gone. Of what it was counted for, it is to be taken out.
	Left
	// Moves: the connection is Newcomer for another one now, To.
	Moves
	// Stays: it was to move, and more came in.
	Stays
)

// News is what has happened to a connection, for the log, the lists of clients and the counts of all.
type News struct {
	Kind   NewsKind
	FD     int32
	To     int
	Peer   wire.Peer // as it was then
	Opened bool      // it has sent a request
	Speaks string
	Why    string
	Err    error
}

// Newcomer is a socket on its way to its shard, new or moved.
type Newcomer struct {
	FD     int32
	Opened bool      // it has sent a request
	Peer   wire.Peer // its address is as it was when it was counted: a peer that has reset has no name any more
}
