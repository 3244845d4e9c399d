package metadata

import (
	"fmt"
	"slices"
)

// LogIDs gives out the ids of logs, each once, and keeps those of logs that were deleted or purged until their files are gone.
type LogIDs struct {
	next    LogID
	retired []LogID // ascending
}

// Next is the log id that is given out next.
func (l *LogIDs) Next() LogID { return l.next }

// Retired lists, ascending, the logs that were deleted or purged and whose files may still exist.
func (l *LogIDs) Retired() []LogID { return l.retired }

// IsRetired tells whether a log is on that list.
func (l *LogIDs) IsRetired(log LogID) bool {
	_, found := slices.BinarySearch(l.retired, log)
	return found
}

// give hands out the next log id.
func (l *LogIDs) give() LogID {
	log := l.next
	l.next++
	return log
}

// retire puts logs on the retired list.
func (l *LogIDs) retire(logs []RetiredLog) {
	for _, r := range logs {
		l.retired = append(l.retired, r.Log)
	}
	slices.Sort(l.retired)
}

func (l *LogIDs) forgetLogs(c *command) (Result, error) {
	c.room("node of retired logs", nodeBytes)
	logs := make([]LogID, c.count(8))
	for i := range logs {
		logs[i] = LogID(c.u64())
	}
	if !c.whole() {
		return Result{}, ErrCommand
	}
	for _, log := range logs {
		if log == 0 || log >= l.next {
			return Result{}, ErrLogNever
		}
	}
	slices.Sort(logs)
	l.retired = slices.DeleteFunc(l.retired, func(log LogID) bool {
		_, forget := slices.BinarySearch(logs, log)
		return forget
	})
	return Result{}, nil
}

func (l *LogIDs) skipLogs(c *command) (Result, error) {
	next := LogID(c.u64())
	if !c.whole() {
		return Result{}, ErrCommand
	}
	if next > logIDMax {
		return Result{}, ErrLogNever
	}
	l.next = max(l.next, next)
	return Result{}, nil
}

// invariants: every retired id was given out, and no more logs live or are retired than were given out.
func (l *LogIDs) invariants(live int) {
	if !slices.IsSorted(l.retired) {
		panic(fmt.Sprintf("BUG: retired logs are not in order: %v", l.retired))
	}
	if n := len(l.retired); n > 0 && l.retired[n-1] >= l.next {
		panic(fmt.Sprintf("BUG: log %d is retired, the next to be given out is %d", l.retired[n-1], l.next))
	}
	if given := uint64(l.next) - 1; uint64(live+len(l.retired)) > given {
		panic(fmt.Sprintf("BUG: %d logs live and %d retired, only %d were given out", live, len(l.retired), given))
	}
}
