package front

import "github.com/galgo-mq/galgo/uring"

// TopBytes is what each exchange has outside the heap: the reply's head, a poll's prefix and the headers of slices, or a small body.
const TopBytes = 2048

// TopsKept is how many exchanges keep their memory for good; those beyond, of a busier moment, give it back.
const TopsKept = 256

// pool holds the exchanges that are not in use, with their memory.
type pool struct {
	make   func() *Exchange
	memory *uring.Pool
	page   []byte    // of which tops are cut
	cut    int       // tops that were, at most TopsKept
	free   *Exchange // with a top of a page
	spare  *Exchange // with a top of its own
	spares int       // in spare
	idle   int       // the fewest that spares was since the last trim
	out    int       // in use
}

// get returns an exchange with a top and nothing else, or nil when there is no memory.
func (p *pool) get() *Exchange {
	if x := p.free; x != nil {
		p.free, x.next = x.next, nil
		p.out++
		return x
	}
	if x := p.spare; x != nil {
		p.spare, x.next = x.next, nil
		p.out++
		p.spares--
		p.idle = min(p.idle, p.spares)
		return x
	}
	top, own := p.cutTop(), false
	if top == nil {
		if top = p.memory.Get(TopBytes); top == nil {
			return nil
		}
		own = true
	}
	p.out++
	x := p.make()
	x.Top, x.ownTop = top, own
	return x
}

// cutTop returns a top that is kept for good, nil if there are enough of those.
func (p *pool) cutTop() []byte {
	if p.cut == TopsKept {
		return nil
	}
	if len(p.page) < TopBytes {
		if p.page = p.memory.Get(TopsKept / 4 * TopBytes); p.page == nil {
			return nil
		}
	}
	top := p.page[:TopBytes:TopBytes]
	p.page = p.page[TopBytes:]
	p.cut++
	return top
}

// put takes an exchange that holds nothing but its top.
func (p *pool) put(x *Exchange) {
	p.out--
	holder, top, own, vec, use := x.Holder, x.Top, x.ownTop, x.Vec[:0], x.use+1
	*x = Exchange{} // in place: a literal with what stays would be made beside it first
	x.Holder, x.Top, x.ownTop, x.Vec, x.use = holder, top, own, vec, use
	if !x.ownTop {
		x.next, p.free = p.free, x
		return
	}
	x.next, p.spare = p.spare, x
	p.spares++
}

// trim gives up what was not used since the last time.
func (p *pool) trim() {
	for ; p.idle > 0; p.idle-- {
		x := p.spare
		p.spare = x.next
		p.spares--
		p.memory.Put(x.Top)
	}
	p.idle = p.spares
}
