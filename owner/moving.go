package owner

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Moving is a log on its way from one room to another, with what its groups were sent last. It belongs to the room that it is at, or to who
// carries it.
type Moving struct {
	log  *storage.Log
	sent deliveries
}

// moveTask takes a log out, or in.
type moveTask struct {
	Part
	of any // the caller's
}

func newMoveTask(of any) *moveTask {
	t := &moveTask{of: of}
	t.Of, t.Owner = t, &t.Part
	return t
}

// Detach takes a log out when nothing of it is in flight: NewsDetached, with of, has it. Laps carry it until Released.
func (o *Owner) Detach(log metadata.LogID, of any) {
	t := newMoveTask(of)
	t.Kind, t.Log = storage.ReqDetach, storage.LogID(log)
	o.ask(&t.Request)
}

// forget has the polls that wait at a log look again: they find it no more, or closed. It returns what was delivered from it.
func (o *Owner) forget(log storage.LogID) deliveries {
	o.parking.wake(log)
	return o.fences.take(log)
}

// moved takes the answer of a log that was to leave, or to come.
func (o *Owner) moved(t *moveTask) {
	n := News{Kind: NewsAttached, Of: t.of, Err: t.Err}
	if t.Kind == storage.ReqDetach {
		if n.Kind = NewsDetached; t.Err == nil {
			n.Moving = &Moving{log: t.Moved, sent: o.forget(t.Log)}
		}
	}
	o.tell(n)
}

// Attach takes in a log that has left another room. NewsAttached, with of, comes when it is journaled.
func (o *Owner) Attach(m *Moving, of any) {
	t := newMoveTask(of)
	o.store.Attach(m.log, &t.Request)
	if m.sent != nil {
		o.fences.sent[m.log.ID()] = m.sent
	}
}

// Released says that the next owner of a log has it: laps carry it no more.
func (o *Owner) Released(log metadata.LogID) { o.store.Released(storage.LogID(log)) }
