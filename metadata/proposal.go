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

// Retirement names the logs that a command will retire, as the state is when its turn comes.
type Retirement struct {
	Kind          RetirementKind
	Stream, Topic Ident
	Last          uint32 // for LastPartitions: how many
	Messages      Level  // for RaisedTopic; 0: stays
	Offsets       Level
}

// RetirementKind says which logs those are.
type RetirementKind uint8

const (
	RetiresNone RetirementKind = iota
	WholeStream
	WholeTopic
	LastPartitions
	RaisedTopic // nothing is retired: its level changes
)

// Frees reports whether a command of that retirement frees space on the disk.
func (r *Retirement) Frees() bool { return r.Kind != RetiresNone && r.Kind != RaisedTopic }

// RetiredBy appends the logs that a command will retire, or whose level it may raise; none if it will be refused.
func (m *Machine) RetiredBy(dst []LogID, r *Retirement) []LogID {
	switch r.Kind {
	case RetiresNone:
		return dst
	case WholeStream:
		if st, err := m.Stream(r.Stream); err == nil {
			for t := range st.Topics() {
				dst = appendLogs(dst, t.Partitions)
			}
		}
		return dst
	}
	t, err := m.Topic(r.Stream, r.Topic)
	switch {
	case err != nil:
		return dst
	case r.Kind != LastPartitions:
		return appendLogs(dst, t.Partitions)
	case uint64(r.Last) > uint64(len(t.Partitions)) || r.Last > PartitionsOnceMax:
		return dst
	}
	return appendLogs(dst, t.Partitions[len(t.Partitions)-int(r.Last):])
}

func appendLogs(logs []LogID, parts []Partition) []LogID {
	for _, p := range parts {
		logs = append(logs, p.Log)
	}
	return logs
}
