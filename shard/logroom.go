package shard

import (
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
)

// Every lap of a shard's journal carries a little of each of its logs. What would make it carry too much is refused on shard 0,
// before the command is journaled: a journal without room for its laps stops for good.

var errNoLogRoom = errors.New("the journal has no room for more partitions")

// logRoom is what the logs of a shard take in every lap, and may take together with new ones. The shard shows it at the end of
// each turn, before it tells the lead that it has applied a command: the lead, which has one on its way at a time, misses none.
type logRoom struct {
	carry atomic.Int64
	max   int64 // fixed when the shards begin to turn
	_     [112]byte
}

func (s *Shard) logRoom() *logRoom { return &s.g.shards[0].lead.rooms[s.id] }

// roomSayPause is the least time between two lines about partitions that were refused.
const roomSayPause = 10 * time.Second

// roomForLogs judges whether the partitions that a command makes have room where they would be placed.
func (l *lead) roomForLogs(q *request) error {
	d, m := &q.demand, l.s.meta
	if d.partitions == 0 || d.partitions > metadata.PartitionsOnceMax || !d.placeable(m) {
		return nil // the command's own refusal
	}
	loads := l.s.g.placement(l.s.owners)
	added := make([]int64, len(loads))
	for i := range d.partitions {
		owner := router.Place(loads, router.LogID(m.NextLog())+router.LogID(i))
		loads[owner].Logs++
		added[owner] += storage.LogCarry
	}
	for i, n := range added {
		room := &l.rooms[i]
		carry := room.carry.Load()
		if n == 0 || carry+n <= room.max {
			continue
		}
		if l.s.mono >= l.nextRoom {
			l.nextRoom = l.s.mono + int64(roomSayPause)
			l.s.log.Warn("partitions are refused: every lap of a shard's journal would carry too much; set journal_size and memory to more, or use more shards",
				zap.String("event", "partitions_refused"),
				zap.Uint32("partitions", d.partitions), zap.Int("owner", i), zap.Int64("bytes", carry+n), zap.Int64("max", room.max))
		}
		return errNoLogRoom
	}
	return nil
}
