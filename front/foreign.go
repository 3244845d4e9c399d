package front

// What others than the clients of a dialect get who reach the port: an answer in a form that they read, or the end of the connection; in
// any case at once, and news with what to use instead.

// UseClients is what to use instead.
const UseClients = "a client of Apache Iggy that speaks protocol 0.11, by TCP and without TLS: see the table of clients in the README"

// meet looks at a connection whose dialect is known now, and says if that is not served.
func (c *conn) meet() {
	if c.met = true; !c.peer.Dialect.Serves() {
		c.foreign("answered: version not supported")
	}
}

// turnAway answers what c has sent in the form of its protocol, if there is one, and ends it.
func (c *conn) turnAway() {
	f := c.f
	answer := c.speaks.Answer
	var x *Exchange
	if answer != "" {
		x = f.pool.get()
	}
	if x == nil {
		c.foreign("closed")
		c.close("", nil)
		return
	}
	c.foreign("answered and closed")
	f.in.forget(c)
	c.attach(x)
	x.state, x.Final = stateTaken, true
	x.Vec = append(x.Vec[:0], x.Top[:copy(x.Top, answer)])
	f.Reply(x)
}

func (c *conn) foreign(result string) {
	c.tell(News{Kind: Foreign, Speaks: c.speaks.Name, Why: result})
}
