package control

import (
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/metadata"
)

// A log moves in the order of the metadata commands, so that nobody creates, deletes or purges meanwhile:
//
//	control    old owner                       new owner
//	Move    -> in flight ends, log leaves  --> takes it in, journaled and synced
//	Moved   <----------------------------------'
//	Map     -> every shard changes its map; the old owner's laps forget the log

// Move is a log that gets another owner.
type Move struct {
	Log   metadata.LogID
	To    int
	Owner any // the asker's; not touched
}

// ErrNoShard refuses a move to a shard that there is not.
var ErrNoShard = errors.New("control: no such shard")

// mover is the move in progress.
type mover struct {
	move    *Move
	waiting int // shards that have not changed their map
}

func (x *mover) begin(c *Control, q command) {
	if q.move.To < 0 || q.move.To >= c.cfg.Shards {
		c.answer(q, ErrNoShard)
		return
	}
	x.move = q.move
	c.emit(Effect{Kind: EffectMove, Move: x.move})
}

// moved has the map changed everywhere when the new owner has the log. A journal that failed on the way ends the process, and the
// next start finds the log in one place or the other.
func (x *mover) moved(c *Control, err error) {
	if err != nil {
		x.end(c, err)
		return
	}
	x.waiting = c.cfg.Shards
	c.emit(Effect{Kind: EffectMap, Move: x.move})
}

// mapped counts a shard that has changed its map.
func (x *mover) mapped(c *Control) {
	if x.waiting--; x.waiting == 0 {
		x.end(c, nil)
	}
}

func (x *mover) end(c *Control, err error) {
	m := x.move
	x.move = nil
	c.emit(Effect{Kind: EffectAnswerMove, Move: m, Err: err})
	c.next()
}

func (x *mover) invariants() {
	if x.waiting < 0 || x.waiting > 0 && x.move == nil {
		panic(fmt.Sprintf("BUG: %d shards change their map for a move, which is there: %v", x.waiting, x.move != nil))
	}
}
