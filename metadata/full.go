package metadata

import "errors"

// ErrNoRoomForLogs refuses partitions that the journals' laps would carry beyond their room. Every lap of a shard's journal carries a little
// of each of its logs, and one without room for its laps stops for good.
var ErrNoRoomForLogs = errors.New("the journal has no room for more partitions")

// Full refuses a command for want of room in the line of metadata: a replica in every shard, a snapshot while it is written or
// read, and what the owner of a partition keeps of it. It is refused before it is committed, so what was accepted has room at the
// next start as well. What is there already stays, also under a lower limit; what makes it less is never refused.
type Full struct{ TooMany error } // of what the command makes

func (e *Full) Error() string { return e.TooMany.Error() + ": limits.metadata_bytes" }
func (e *Full) Unwrap() error { return e.TooMany }
