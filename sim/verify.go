package sim

import (
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// verify reads a whole topic, and looks for everything that was acknowledged.
func (w *World) verify(v *actor, t *topicModel) error {
	if v.session == 0 {
		if err := w.until(func() bool { return v.tried() && v.session != 0 }); err != nil {
			return fmt.Errorf("log in to verify: %w", errors.Join(err, v.err))
		}
	}
	l := t.current()
	if l == nil {
		return nil
	}
	if err := w.answered(v, func() { v.lookFor(t) }); err != nil {
		return err
	}
	switch {
	case t.known != isThere && !l.mayBeGone && w.wasThere(l):
		return fmt.Errorf("topic %s is gone, and nobody has deleted it", t.name)
	case t.known != isThere || l.mayBeGone:
		return nil
	}
	for part := range l.parts {
		if err := w.verifyPartition(v, t, l, part); err != nil {
			return fmt.Errorf("topic %s: %w", t.name, err)
		}
	}
	return nil
}

// wasThere reports whether anything was told of a life.
func (w *World) wasThere(l *life) bool {
	for _, p := range l.parts {
		for _, e := range p.at {
			if e.required {
				return true
			}
		}
	}
	return false
}

const verifyCount = 100

func (w *World) verifyPartition(v *actor, t *topicModel, l *life, part int) error {
	w.shown = map[uint64]bool{}
	defer func() { w.shown = nil }()
	for from, more := uint64(0), true; more; {
		body := vsr.AppendPollMessages(nil, wire.PollMessages{Consumer: single(v.id), Stream: stream, Topic: wire.Named(t.name), Partition: wire.InPartition(uint32(part)),
			Strategy: wire.Strategy{Kind: wire.FromOffset, Value: from}, Count: verifyCount})
		err := w.answered(v, func() {
			v.ask(wire.CodePollMessages, body, nil, func(body []byte, err error) error {
				if err != nil {
					return err
				}
				first, n, err := w.delivered(t, l, part, verifyCount, body)
				from, more = first+uint64(n), n > 0
				return err
			}, nil)
		})
		if err != nil {
			return err
		}
	}
	for offset, e := range l.parts[part].at {
		if w.model.counts.Verified++; e.required {
			if w.model.counts.Required++; !w.shown[offset] {
				return fmt.Errorf("partition %d: message %v at offset %d was acknowledged at %v, and is not there", part, e.key, offset, l.level)
			}
		}
	}
	return nil
}

// answered runs the broker until what v asks is answered.
func (w *World) answered(v *actor, ask func()) error {
	ask()
	err := w.until(func() bool { return v.tried() && len(v.waiting) == 0 })
	return errors.Join(err, v.err)
}

// tried is a step of a verifier. False: there is an error.
func (a *actor) tried() bool {
	if a.err == nil {
		a.err = a.step()
	}
	return a.err == nil
}
