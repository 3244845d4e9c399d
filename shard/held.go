package shard

import (
	"fmt"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/router"
)

// Held says what the shard has on behalf of clients, for who drives it and knows that there are none any more. Empty: nothing, and
// everything that was lent has come back.
func (s *Shard) Held() string {
	if h := s.front.Held(); h != (front.Holdings{}) {
		return fmt.Sprintf("%+v", h)
	}
	if n := s.credits.waiting; n > 0 {
		return fmt.Sprintf("%d requests that wait for credits", n)
	}
	if n := s.logs.Parked(); n > 0 {
		return fmt.Sprintf("%d held polls", n)
	}
	for i := range s.g.shards {
		if id := router.ShardID(i); id != s.id && s.port.CreditsLeft(id) != s.g.mesh.Credits() {
			return fmt.Sprintf("%d credits of shard %d", s.g.mesh.Credits()-s.port.CreditsLeft(id), i)
		}
		if n := s.credits.of[i].out; n > 0 {
			return fmt.Sprintf("%d replies of shard %d that are not released", n, i)
		}
	}
	if s.coordinator != nil && s.coordinator.room.Busy() {
		return "metadata commands on their way"
	}
	return ""
}

// Ended reports whether the shard's loop is over.
func (s *Shard) Ended() bool { return s.stopped }
