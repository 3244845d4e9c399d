package server

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// How journal groups that must be on stable storage are written: around the page cache (O_DIRECT), or through it, both with
// RWF_DSYNC. Which is faster depends on the filesystem and its disk, so it is measured at the start, on the new run's own
// journal, which holds nothing yet.
const (
	JournalAuto     = "auto"
	JournalDirect   = "direct"
	JournalBuffered = "buffered"
)

const (
	wayRounds   = 24                     // of one write each way, in turn
	wayRoundMin = 5                      // also on a slow disk
	wayPatience = 150 * time.Millisecond // beyond it no more rounds
	wayGain     = 1.25                   // buffered must be so much faster: direct writes leave the page cache to readers
	wayClear    = 1.5                    // and the way that is kept so much slower than the other one, in
	wayStarts   = 2                      // starts in a row, before the other one is taken
)

// journalWay says which way was taken and what was measured; zero durations: nothing was.
type journalWay struct {
	direct       bool
	directTime   time.Duration // medians for one block
	bufferedTime time.Duration
}

func (w journalWay) String() string {
	name := JournalBuffered
	if w.direct {
		name = JournalDirect
	}
	if w.directTime == 0 {
		return name
	}
	return fmt.Sprintf("%s (a synced block takes %v direct, %v buffered)", name, w.directTime.Round(time.Microsecond), w.bufferedTime.Round(time.Microsecond))
}

// chooseJournalWay sets the descriptors that the journals are written through, and says what the directory is to keep. On shard 0's
// thread.
func (s *Server) chooseJournalWay(io uring.IO, journals [][2]storage.JournalFile, kept storage.KeptWay, mem storage.Memory) (storage.KeptWay, error) {
	f := journals[0][0]
	var w journalWay
	isDirect, err := uring.IsDirect(f.Direct)
	if err != nil {
		return kept, fmt.Errorf("journal: %w", err)
	}
	switch s.cfg.JournalWrites {
	case JournalBuffered:
	case JournalDirect:
		if !isDirect {
			return kept, fmt.Errorf("journal: the filesystem of %s refuses O_DIRECT: set journal_writes to auto or buffered", s.cfg.DataDir)
		}
		w.direct = true
	default:
		if isDirect {
			before := kept
			if w, err = measureWays(blockingDisk{io}, f, mem); storage.FullDisk(err) {
				w = journalWay{direct: kept.Way != storage.WayBuffered} // no room to measure: as it was
			} else if err != nil {
				return kept, err
			} else {
				w.direct, kept = w.keep(kept)
			}
			if before.Way != storage.WayUnknown && before.Way != kept.Way {
				s.log.Warn("journal way changed", zap.String("event", "journal_way_changed"), zap.Bool("direct", w.direct),
					zap.Duration("direct_took", w.directTime), zap.Duration("buffered_took", w.bufferedTime), zap.Int("starts", wayStarts))
			}
		}
	}
	s.info.JournalWay = w.String()
	if !w.direct {
		for i := range journals {
			for k := range journals[i] {
				f := &journals[i][k]
				f.Direct, f.Sync = f.FD, f.Direct
			}
		}
	}
	return kept, nil
}

// keep says which way is taken: the one that the directory keeps, until the other one was clearly faster in several starts in a row.
// One measurement of 24 blocks says little: on a machine with neighbours either way wins now and then.
func (w journalWay) keep(k storage.KeptWay) (direct bool, _ storage.KeptWay) {
	own, other := float64(w.directTime), float64(w.bufferedTime)
	switch k.Way {
	case storage.WayDirect:
	case storage.WayBuffered:
		own, other = other, own
	default:
		return w.direct, storage.KeptWay{Way: wayOf(w.direct)}
	}
	if own <= wayClear*other {
		k.Lost = 0
	} else if k.Lost++; k.Lost >= wayStarts {
		k = storage.KeptWay{Way: wayOf(k.Way != storage.WayDirect)}
	}
	return k.Way == storage.WayDirect, k
}

func wayOf(direct bool) storage.JournalWay {
	if direct {
		return storage.WayDirect
	}
	return storage.WayBuffered
}

// measureWays writes a block of zeros both ways in turn and compares the medians.
func measureWays(d blockingDisk, f storage.JournalFile, mem storage.Memory) (w journalWay, err error) {
	buf := mem.Get(storage.BlockSize)
	if buf == nil {
		return w, storage.ErrNoMemory
	}
	defer mem.Put(buf)
	clear(buf)
	var times [2][]time.Duration
	begin := time.Now()
	for i := 0; i < wayRounds && (i < wayRoundMin || time.Since(begin) < wayPatience); i++ {
		for way, fd := range []int32{f.Direct, f.FD} {
			from := time.Now()
			if err := d.writeSynced(fd, buf, storage.BlockSize); err != nil {
				return w, fmt.Errorf("journal: %w", err)
			}
			times[way] = append(times[way], time.Since(from))
		}
	}
	w.directTime, w.bufferedTime = median(times[0]), median(times[1])
	w.direct = float64(w.directTime) <= wayGain*float64(w.bufferedTime)
	return w, nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// writeSynced writes buf so that it is on stable storage.
func (d blockingDisk) writeSynced(fd int32, buf []byte, pos int64) error {
	_, err := d.do("synced write", "", uring.Op{Kind: uring.KindWrite, FD: fd, Buf: buf, Pos: pos, Flags: uring.FlagDSync})
	return err
}
