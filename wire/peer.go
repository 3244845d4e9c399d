package wire

// Peer is who sends requests, as handlers know it: they see no connection. Whoever has the connection writes it, but for the session and
// the numbers of requests, which are the handlers'.
type Peer struct {
	ID      uint32  // number of the connection in the broker
	Address string  // with its port
	Dialect Dialect // nil: not known yet
	Session Session
	Highest uint64 // number of the last request that changes metadata and was taken
}

// Session is what a login gives a connection. The zero value is none.
type Session struct {
	Number  uint64   // 0: there is none
	Client  [16]byte // the client's own name for itself: groups know their members by it
	User    uint32
	Since   uint64 // revision of the metadata at which the user was made
	Secured uint64 // what the user's sessions had in common when it began: it ends when that changes
}

// Bound reports whether there is a session.
func (x *Session) Bound() bool { return x.Number != 0 }

// Bind gives the peer a session, in place of the one that it may have. A new one begins to number its requests anew.
func (p *Peer) Bind(s Session) {
	if p.Session.Number != s.Number {
		p.Highest = 0
	}
	p.Session = s
}

// Unbind takes the session away.
func (p *Peer) Unbind() { p.Session = Session{} }

// Numbered notes a request that changes metadata, and refuses one that was taken before: it must not be done twice.
func (p *Peer) Numbered(request uint64) error {
	if request <= p.Highest {
		return StatusRequestAlreadyApplied
	}
	p.Highest = request
	return nil
}

// Again forgets a request that Numbered has taken: it was refused for now, and will come again under its number.
func (p *Peer) Again(request uint64) {
	if p.Highest == request {
		p.Highest--
	}
}
