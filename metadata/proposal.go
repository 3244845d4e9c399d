package metadata

// Proposal is a command that somebody wants in the order of the metadata's commands, with what it is judged by when its turn has
// come, and later its outcome. It belongs to whoever puts commands in order until it is answered. Names in it stay as they are until then.
type Proposal struct {
	Command   []byte
	Judgement Judgement
	Quota     *Quota // nil: it makes nothing
	Demand    Demand
	Retires   Retirement
	WhenShort bool // it is taken also while space is short: it frees some, or clients cannot be served without

	Result Result // when it was applied
	Err    error  // why it was not

	Owner any // the proposer's; not touched
}

// Retirement says what a command means for the logs of a topic or a stream.
type Retirement struct {
	Kind          RetirementKind
	Stream, Topic Ident // for RaisedTopic
	Messages      Level // the same; 0: stays
	Offsets       Level
}

// RetirementKind says what that is.
type RetirementKind uint8

const (
	RetiresNone RetirementKind = iota
	RetiresLogs
	RaisedTopic // nothing is retired: its level changes
)

// Frees reports whether a command of that retirement frees space on the disk.
func (r *Retirement) Frees() bool { return r.Kind == RetiresLogs }
