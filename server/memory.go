package server

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/uring"
)

const (
	defaultMemory  = 512 << 20
	memoryPerShard = 64 << 20 // at least
	journalMemory  = 4        // a shard's journal takes at most this part of its memory: recovery then keeps what it has looked at
)

// budgetMemory makes the lines. It divides descriptors as well.
func (s *Server) budgetMemory() error {
	total := s.cfg.MemoryBudget
	if total == 0 {
		total = max(defaultMemory, leastMemory(s.cfg.CPUs))
	}
	if least := leastMemory(s.cfg.CPUs); total < least {
		return fmt.Errorf("memory budget of %d MiB is too small for %d shards: give at least %d MiB or fewer shards",
			total>>20, len(s.cfg.CPUs), least>>20)
	}
	s.budget = uring.NewBudget(total)
	shards := int64(len(s.cfg.CPUs))
	s.lines = shard.Divide(s.budget, int(shards))
	if most := s.lines.FrameMost(); s.cfg.FrameBytesMax > most {
		s.lessThanAsked(s.cfg.FrameBytesMax != defaultFrameBytesMax, fmt.Sprintf("requests of at most %s are taken, and not frame_size_max = %s: memory has no room for a larger one; raise memory to %s, or lower frame_size_max to %s",
			mebibytes(int64(most)), mebibytes(int64(s.cfg.FrameBytesMax)), mebibytes(shard.MemoryForFrames(int64(s.cfg.FrameBytesMax), shards)), mebibytes(int64(most))), zap.String("event", "frame_size_less"),
			zap.Int("taken", most), zap.Int("frame_size_max", s.cfg.FrameBytesMax))
		s.cfg.FrameBytesMax = most
	}
	if err := s.lines.Check(s.cfg.FrameBytesMax); err != nil {
		return err
	}
	return s.divideDescriptors()
}

// leastMemory is the smallest budget for a shard on each of these cores.
func leastMemory(cpus []int) int64 { return int64(len(cpus)) * memoryPerShard }

// lessThanAsked says that a setting does not hold in full: as a warning if somebody asked for it, and else for information.
func (s *Server) lessThanAsked(asked bool, text string, fields ...zap.Field) {
	level := zap.InfoLevel
	if asked {
		level = zap.WarnLevel
	}
	s.log.Log(level, text, fields...)
}

// mebibytes writes a size as people read it in messages.
func mebibytes(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d.%d MiB", n>>20, n%(1<<20)*10>>20)
}
