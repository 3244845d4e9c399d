package front

import "fmt"

// check panics when something does not hold that always does between two completions of c.
func (c *conn) check() {
	f := c.f
	broken := func(format string, args ...any) {
		panic(fmt.Sprintf("BUG: connection %d: ", c.peer.ID) + fmt.Sprintf(format, args...))
	}
	if c.fd < 0 {
		return
	}
	in, w := &c.in, &c.window
	under, sending, stashLen := 0, 0, 0
	for i := range in.stash {
		stashLen += len(in.stash[i].Data)
	}
	for x := w.first; x != nil; x = x.later {
		under++
		if x.conn != c || x.Peer != &c.peer || x.Closing != c.closing || x.state == stateFree || x.state == stateOver {
			broken("an exchange of another one, or none, in its window: %v", x.state)
		}
		if x.state == stateSending || x.state == statePart && c.out.of == x {
			sending++
		}
		if x.later == nil && w.last != x {
			broken("the last exchange of its window is not where it is")
		}
	}
	switch {
	case under != w.under || under > max(1, w.most):
		broken("%d requests under way, %d counted, %d may be", under, w.under, w.most)
	case sending > 1 || (sending == 1) != (c.out.of != nil):
		broken("%d replies leave", sending)
	case (c.out.send != 0) != (c.out.of != nil && c.out.of.state == stateSending):
		broken("a send in flight for no reply, or none for one")
	case in.recv != 0 && in.body != 0:
		broken("a receive and a body are armed on one socket")
	case in.stashLen != stashLen || f.in.stashed < len(in.stash) || f.in.stashed > f.in.held:
		broken("%d bytes in %d receive buffers, %d are counted; %d of %d buffers", stashLen, len(in.stash), in.stashLen, f.in.stashed, f.in.held)
	case in.wanted != 0 && in.frame != nil:
		broken("a frame that has memory waits for it")
	case in.keptLen > len(in.kept) || in.frameLen > len(in.frame) && in.frame != nil:
		broken("%d of %d bytes kept, %d of %d of a frame", in.keptLen, len(in.kept), in.frameLen, len(in.frame))
	case in.strange < 0 || f.in.strange < in.strange || f.in.held < 0:
		broken("%d of %d bytes of memory before login, %d receive buffers", in.strange, f.in.strange, f.in.held)
	case f.places.taken < 0 || f.places.gone < 0 || f.places.gone > f.places.queue.Len():
		broken("%d places taken, %d of %d that wait are gone", f.places.taken, f.places.gone, f.places.queue.Len())
	}
}
