package metadata

// Machine is the state: a tree of streams, the accounts and the log ids, at a revision. It belongs to one thread. What the look-ups
// return is only to be read, and only until the next Apply.
type Machine struct {
	Tree
	Accounts         Accounts
	LogIDs           LogIDs
	revision         uint64
	sessionsReserved uint64
}

// New is the empty state: no users either, so that the first command makes root.
func New() *Machine { return &Machine{LogIDs: LogIDs{next: 1}} }

// Revision is the index of the last command that went through Apply, refused ones included.
func (m *Machine) Revision() uint64 { return m.revision }

// SessionsReserved is the first session number that no block covers: after a restart numbering goes on there.
func (m *Machine) SessionsReserved() uint64 { return m.sessionsReserved }

// Bytes is how much memory this replica of the state takes, at most.
func (m *Machine) Bytes() int {
	return m.Tree.bytes + m.Accounts.bytes + len(m.LogIDs.retired)*retiredSize
}

func (m *Machine) reserveSessions(c *command) (Result, error) {
	c.room("node of session numbers", nodeBytes)
	upTo := c.u64()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	if upTo <= m.sessionsReserved {
		return Result{}, ErrSessions
	}
	m.sessionsReserved = upTo
	return Result{}, nil
}

// invariants walks the whole state.
func (m *Machine) invariants() {
	if !invariantsOn {
		return
	}
	m.Tree.invariants(m.LogIDs.next, m.revision)
	m.Accounts.invariants(&m.Tree, m.revision)
	m.LogIDs.invariants(m.LogCount())
}
