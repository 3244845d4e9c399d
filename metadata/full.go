package metadata

// Full refuses a command for want of room in the line of metadata: a replica in every shard, a snapshot while it is written or
// read, and what the owner of a partition keeps of it. It is refused before it is committed, so what was accepted has room at the
// next start as well. What is there already stays, also under a lower limit; what makes it less is never refused.
type Full struct{ TooMany error } // of what the command makes

func (e *Full) Error() string { return e.TooMany.Error() + ": limits.metadata_bytes" }
func (e *Full) Unwrap() error { return e.TooMany }
