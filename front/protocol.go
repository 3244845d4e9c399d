package front

import "github.com/galgo-mq/galgo/wire"

// Protocol is one that peers of a port may speak. The first in Config.Protocols whose recogniser says Mine is what a connection speaks;
// where one in front of it needs more bytes, those are awaited.
type Protocol struct {
	Name      string // for the log
	Recognise wire.Recogniser
	Dialect   wire.Dialect // nil: it is not spoken here
	Answer    string       // to a peer whose protocol is not spoken here, in a form that it reads, at most TopBytes; empty: none
}

// unknown is what peers speak whom no recogniser knows.
var unknown = Protocol{Name: "nothing known"}

// identify asks the recognisers about the first bytes of a connection, and gives it what it speaks. False: more bytes are needed.
func (n *intake) identify(c *conn, p []byte) bool {
	p = p[:min(len(p), wire.FirstBytesMax)]
	for i := range n.cfg.Protocols {
		x := &n.cfg.Protocols[i]
		verdict := x.Recognise(p, n.cfg.FrameBytesMax)
		if verdict == wire.NeedMore && len(p) < wire.FirstBytesMax {
			return false
		}
		if verdict == wire.Mine {
			c.are(x)
			return true
		}
	}
	c.are(&unknown)
	return true
}

// are notes what the peer of c speaks.
func (c *conn) are(x *Protocol) {
	if c.speaks = x; x.Dialect != nil {
		c.speak(x.Dialect)
	}
}
