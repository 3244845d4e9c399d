package storage

import (
	"fmt"
	"time"
)

var errShort = fmt.Errorf("%w: the journal cannot be written, only what frees space is taken until there is room", ErrNoSpace)

// refusedPatience is so long what frees space waits for the reserve to make room for it.
const refusedPatience = int64(5 * time.Second)

// Space is how a store stands with the room on its disk. While it is short it takes reads and what frees space only, so that nothing else
// uses up what deletions need.
type Space struct {
	journal  *journal // whose groups may be refused, and which may wait for a lap
	blocks   refusedBlocks
	mono     int64 // monotonic clock of the turn
	late     bool  // the journals are in memory: see Config.Late
	short    bool
	refusing bool // it has begun to be short: appends that wait are to be refused
	cursor   cursor
	wantedAt int64 // when something that frees space first waited for the reserve; 0: nothing does
	hopeless bool  // it has waited long enough
}

// Refused returns why the journal, or a block of a segment, cannot be written for want of space, or nil.
func (p *Space) Refused() error {
	if err := p.journal.refusals.err; err != nil {
		return err
	}
	return p.blocks.err
}

// Short reports whether the store takes reads and what frees space only.
func (p *Space) Short() bool { return p.short }

// Late reports whether the journals are in memory only: the next start begins from the state before this run, with the commands that were noted.
func (p *Space) Late() bool { return p.late }

// SetShort says whether a journal of this process cannot be written for want of space, or the space that was kept for that is gone. A store
// whose own journal is refused does so of itself.
func (p *Space) SetShort(short bool) {
	switch {
	case short:
		p.run()
	case p.Refused() == nil:
		p.short, p.refusing = false, false
	}
}

// run refuses what waits, and from now on what comes.
func (p *Space) run() {
	if !p.short {
		p.refusing, p.cursor = true, cursor{} // room may have broken off the pass before
	}
	p.short = true
}

// Want is told that something that frees space waits behind a command that is in flight.
func (p *Space) Want() {
	if p.Refused() != nil {
		p.want()
	}
}

// WantsReserve reports whether something that frees space waits for the refused groups.
func (p *Space) WantsReserve() bool { return p.wantedAt != 0 }

// RefusesMeta returns why a metadata command would be refused now for want of space, or nil.
func (p *Space) RefusesMeta(whenShort bool) error {
	if p.short && (!whenShort || p.hopeless) {
		return errShort
	}
	return nil
}

// refuses returns why r would be refused now, or nil: it may go on, or wait.
func (p *Space) refuses(r *Request) error {
	switch {
	case !p.short:
		return nil
	case r.Kind == ReqPoll || r.Kind == ReqGetOffset || r.Kind == ReqLoad || r.Kind == ReqAttach || r.Kind == ReqClose:
		return nil
	case r.Kind == ReqTrim || r.Kind == ReqMeta:
		if r.Kind == ReqTrim && p.late {
			return errShort // it would come back with the next start
		}
		return p.RefusesMeta(r.Kind != ReqMeta || r.WhenShort)
	}
	return errShort
}

// delays reports whether r, which frees space, has to wait for room in the journal. The retirement of a log that is closed is committed: it
// waits for what is in flight only, and asks for room.
func (p *Space) delays(r *Request) bool {
	if !p.short || r.Kind != ReqClose && r.Kind != ReqTrim && r.Kind != ReqMeta || !p.stuck() {
		return false
	}
	p.want()
	return r.Kind != ReqClose
}

// refused is told of every write that is refused, and whether something that frees space waits.
func (p *Space) refused(frees bool) {
	p.run()
	if p.wantedAt == 0 && frees {
		p.want()
	}
}

// want asks for the reserve: something that frees space waits. It is given up for that only, or others would have used it up by then.
func (p *Space) want() {
	if p.wantedAt == 0 {
		p.wantedAt = max(1, p.mono)
		p.journal.refusals.soon(p.mono)
		p.blocks.soon(p.mono)
	}
}

// roomAgain forgets what waited for the reserve when what frees space can be journaled again.
func (p *Space) roomAgain() {
	if !p.stuck() {
		p.wantedAt, p.hopeless = 0, false
	}
}

// stuck reports whether nothing can be journaled at the moment for want of space: a lap may wait for blocks that there is no room for.
func (p *Space) stuck() bool {
	return p.journal.stuck() || p.journal.laps.wanted && p.blocks.err != nil
}

// tire refuses what frees space when it has waited for too long. While blocks alone are refused that says nothing of what only needs the
// journal.
func (p *Space) tire() {
	if p.wantedAt == 0 || p.hopeless || p.mono-p.wantedAt < refusedPatience {
		return
	}
	if p.hopeless = p.stuck(); !p.hopeless {
		p.wantedAt = 0
	}
}

// drop gives up the refused writes of a log.
func (p *Space) drop(l *Log) {
	if p.blocks.drop(l) {
		p.roomAgain()
	}
}

func (p *Space) invariants() {
	refused := 0
	for _, l := range p.blocks.logs {
		refused += l.tail.refused
	}
	if refused != p.blocks.count || refused > 0 && (!p.short || p.blocks.err == nil) {
		panic(fmt.Sprintf("BUG: %d writes to segments are refused, %d were counted, short %v, %v", refused, p.blocks.count, p.short, p.blocks.err))
	}
	if p.refusing && !p.short || p.hopeless && p.wantedAt == 0 {
		panic(fmt.Sprintf("BUG: short %v of space, refusing %v, hopeless %v since %d", p.short, p.refusing, p.hopeless, p.wantedAt))
	}
}
