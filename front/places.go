package front

import "github.com/galgo-mq/galgo/fifo"

// places bound the requests that are under way, of all connections that are logged in. A request has a place from when it is handled until
// its reply is given, or it may wait for what others send. Those that find none wait in order.
type places struct {
	most  int  // 0: there is no bound
	short bool // who has a place may wait for room on the disk: nobody waits for one meanwhile
	taken int
	queue fifo.Queue[*Exchange]
	gone  int // of queue: those whose connection is closing
}

// take gives x one of the places, unless all are taken or others wait for one. Who has not logged in needs none, so that passwords that
// are tried keep nobody from working.
func (p *places) take(x *Exchange, bound bool) bool {
	if p.most == 0 || !bound || p.short {
		return true
	}
	if p.taken >= p.most || p.queue.Len() > 0 {
		return false
	}
	p.give(x)
	return true
}

func (p *places) give(x *Exchange) {
	p.taken++
	x.placed = true
}

// leave takes the place of x back.
func (p *places) leave(x *Exchange) {
	if x.placed {
		x.placed = false
		p.taken--
	}
}

// room reports whether a request may have a place.
func (p *places) room() bool { return p.taken < p.most || p.short }

// moves reports whether somebody who waits may go on.
func (p *places) moves() bool { return p.queue.Len() > 0 && (p.room() || p.gone > 0) }

// next returns the first one that waits and may go on: it has a place, or its connection is closing. nil: there is none.
func (p *places) next() *Exchange {
	if p.queue.Len() == 0 || !p.room() {
		return nil
	}
	x := p.queue.Pop()
	if x.Closing {
		p.gone--
	} else {
		p.give(x)
	}
	return x
}

// leavers takes those out whose connection is closing; what is left keeps its order.
func (p *places) leavers(let func(x *Exchange)) {
	if p.gone == 0 {
		return
	}
	for k := p.queue.Len(); k > 0; k-- {
		x := p.queue.Pop()
		if x.Closing {
			p.gone--
			let(x)
			continue
		}
		p.queue.Push(x)
	}
}
