package owner

import (
	"time"

	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Config is what an Owner needs to know.
type Config struct {
	Store             storage.Config // without Fence
	Shard             int            // its own number
	Shards            int
	PollHold          time.Duration  // how long a poll that finds nothing may wait; 0: not at all
	ParkedMax         int            // polls of each other shard that may wait
	Replicated        metadata.Level // what that level means on this node
	RetentionInterval time.Duration  // how often limits of age and size are applied
	OffsetsHold       time.Duration  // how long a stored offset that stands still keeps expired messages; 0: it does not
}

// Owner has the logs of one shard. Its methods belong to the shard's thread.
type Owner struct {
	cfg  Config
	meta *metadata.Machine // a replica, which is only looked at
	mono int64             // of the turn
	intake

	Files Files

	answered  partList // by the room itself
	fences    fences
	parking   parking
	closings  closings
	news      fifo.Queue[News]
	retaining retaining
}

// intake gives requests to the store until the end has come.
type intake struct {
	store *storage.Store
	ended bool // nothing is taken any more
}

// ask gives r to the store. At the end it is never answered, and its connection is closed with the process.
func (x *intake) ask(r *storage.Request) {
	if !x.ended {
		x.store.Do(r)
	}
}

// New makes the room of a shard, with no logs. The shard applies commands to meta.
func New(cfg Config, meta *metadata.Machine) *Owner {
	o := &Owner{cfg: cfg, meta: meta}
	o.parking = parking{wait: cfg.PollHold, most: cfg.ParkedMax, in: make(map[*Part]*slot), at: make(map[storage.LogID]slotList), of: make([]int, cfg.Shards)}
	cfg.Store.Fence = o.fences.deliver
	o.store = storage.New(cfg.Store)
	o.Files = Files{store: o.store}
	o.retaining = retaining{cfg: &o.cfg, meta: meta, store: o.store}
	o.closings = closings{in: &o.intake, parking: &o.parking, fences: &o.fences, files: &o.Files}
	o.fences = fences{meta: meta, store: o.store, sent: make(map[storage.LogID]deliveries)}
	return o
}

// Store is what keeps the logs. Whoever drives the room gives completions to it and takes operations from it, and gives the memory of
// replies back; requests go through the room.
func (o *Owner) Store() *storage.Store { return o.store }

// Begin starts a turn.
func (o *Owner) Begin(wallMicros uint64, mono int64) {
	o.mono, o.closings.begun = mono, 0
	o.store.Begin(wallMicros, mono)
}

// Tend does what waits for its time.
func (o *Owner) Tend() {
	o.retaining.tend(o.mono)
	o.closings.tend(o.mono)
	o.endWaits()
}

// Deadline is the monotonic time at which the room wants a turn; 0: none.
func (o *Owner) Deadline() int64 {
	next := o.store.Deadline()
	for _, t := range [...]int64{o.retaining.deadline(o.mono), o.parking.deadline(), o.closings.deadline(o.mono)} {
		if t != 0 && (next == 0 || t < next) {
			next = t
		}
	}
	return next
}

// Start takes a part for a log that is here.
func (o *Owner) Start(p *Part) {
	if p.Consumer.Group && p.Kind != storage.ReqGetOffset && !o.fences.admit(p) {
		p.Err = storage.ErrNotOwned
		o.answered.push(p)
		return
	}
	o.ask(&p.Request)
}

// TakeAnswered returns the next part that is answered, or nil.
func (o *Owner) TakeAnswered() *Part {
	for {
		if p := o.answered.pop(); p != nil {
			return p
		}
		r := o.store.TakeDone()
		if r == nil {
			o.parking.forgetHurried()
			o.invariants()
			return nil
		}
		p := r.Owner.(*Part)
		switch p.Kind {
		case storage.ReqPoll:
			if o.parks(p) {
				continue
			}
		case storage.ReqStoreOffset:
			if p.Consumer.Group && p.Err == nil {
				o.fences.stored(p)
			}
		case storage.ReqClose, storage.ReqRaise, storage.ReqDetach, storage.ReqAttach:
			o.own(p)
			continue
		}
		return p
	}
}

// parks keeps an answered poll back, if it may wait, and reports whether it did. One whose log went in this turn waits for nothing.
func (o *Owner) parks(p *Part) bool {
	if o.store.Log(p.Log) == nil {
		o.parking.release(p)
		return false
	}
	return o.parking.park(p, o.mono, o.cfg.Shard)
}

// own takes the answer to what the room itself has asked of a log.
func (o *Owner) own(p *Part) {
	switch t := p.Of.(type) {
	case *closeTask:
		o.closings.closed(t)
	case *raiseTask:
		o.raised(t)
	case *moveTask:
		o.moved(t)
	}
}

// TakeChanged returns the next log whose counters have changed, or nil. Polls that wait there are looked at again.
func (o *Owner) TakeChanged() *storage.Log {
	l := o.store.TakeChanged()
	if l != nil {
		o.parking.wake(l.ID())
	}
	return l
}

// Finish writes the mark of an orderly end behind everything else. False: not yet, try again in a later turn. Nothing may follow it.
func (o *Owner) Finish() bool {
	done := o.store.Finish()
	o.ended = o.ended || done
	return done
}

// Refuse takes nothing any more: an orderly end waits no longer for what is busy.
func (o *Owner) Refuse() { o.ended = true }

func (o *Owner) invariants() {
	if invariantsOn {
		o.fences.invariants()
		o.parking.invariants()
		o.closings.invariants()
	}
}
