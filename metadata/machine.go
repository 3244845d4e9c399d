package metadata

import (
	"cmp"
	"iter"
	"slices"
)

// Machine is the state. It belongs to one thread. What the look-ups return is only to be read, and only until the next
// Apply.
type Machine struct {
	revision         uint64
	nextLog          LogID
	sessionsReserved uint64
	streams          table[Stream]
	users            table[User]
	tokens           map[TokenHash]*User // owners; never ranged over
	tokensExpireAt   Micros              // see TokensExpireAt; not part of the state
	retired          []LogID             // ascending
	groups           int                 // of all topics
	topics           int                 // of all streams
	logs             int                 // of all topics
	bytes            int                 // see Bytes
	// memberships are the groups that a member is in, ascending; what their members say, the other way round.
	memberships map[MemberKey][]*Group
}

// Stream is a named set of topics.
type Stream struct {
	ID        StreamID
	Name      string
	CreatedAt Micros
	Since     uint64 // revision at which it was made: tells it from others that had its number
	topics    table[Topic]
}

// Topic is a named set of partitions with settings of its own.
type Topic struct {
	ID         TopicID
	Stream     StreamID
	Name       string
	CreatedAt  Micros
	Since      uint64 // as the stream's
	Settings   Settings
	Explicit   []Option    // what creator or updater asked for, canonical
	Derived    []Option    // the rest, filled from defaults
	Partitions []Partition // by id
	explicit   optionSet
	groups     groupTable
}

// Partition is one log of a topic; its id is its index there.
type Partition struct {
	Log       LogID
	CreatedAt Micros
	Since     uint64 // revision at which it was made; a purge changes the log and not this
}

// UserStatus says whether a user may log in.
type UserStatus uint8

const (
	UserActive   UserStatus = 1
	UserInactive UserStatus = 2
)

// User is an account.
type User struct {
	ID          UserID
	Name        string
	PasswordPHC string
	Status      UserStatus
	CreatedAt   Micros
	Since       uint64       // revision at which it was created: tells it from an earlier user with the same id
	Secured     uint64       // revision since which sessions are good: creation, or the last change that ended them
	Permissions *Permissions // nil: none
	Tokens      []Token      // in the order of their creation
}

// New is the empty state: no users either, so that the first command makes root.
func New() *Machine { return &Machine{nextLog: 1} }

// Revision is the index of the last command that went through Apply, refused ones included.
func (m *Machine) Revision() uint64 { return m.revision }

// NextLog is the log id that is given out next.
func (m *Machine) NextLog() LogID { return m.nextLog }

// SessionsReserved is the first session number that no block covers: after a restart numbering goes on there.
func (m *Machine) SessionsReserved() uint64 { return m.sessionsReserved }

// Stream finds a stream. ErrStreamNotFound.
func (m *Machine) Stream(stream Ident) (*Stream, error) {
	if s := m.streams.find(stream); s != nil {
		return s, nil
	}
	return nil, ErrStreamNotFound
}

// Topic finds a topic. ErrStreamNotFound, ErrTopicNotFound.
func (m *Machine) Topic(stream, topic Ident) (*Topic, error) {
	s, err := m.Stream(stream)
	if err != nil {
		return nil, err
	}
	return s.Topic(topic)
}

// Partition finds a partition and its topic. ErrStreamNotFound, ErrTopicNotFound, ErrPartitionNotFound.
func (m *Machine) Partition(stream, topic Ident, id PartitionID) (Partition, *Topic, error) {
	t, err := m.Topic(stream, topic)
	if err != nil {
		return Partition{}, nil, err
	}
	if uint64(id) >= uint64(len(t.Partitions)) {
		return Partition{}, nil, ErrPartitionNotFound
	}
	return t.Partitions[id], t, nil
}

// Holder finds the partition whose log that is; nil: it is none's any more. It looks at every topic: it is for what happens seldom.
func (m *Machine) Holder(log LogID) (*Stream, *Topic, PartitionID) {
	for s := range m.Streams() {
		for t := range s.Topics() {
			p := t.Partitions // newer ones have higher logs
			if len(p) == 0 || log < p[0].Log || log > p[len(p)-1].Log {
				continue
			}
			if i, ok := slices.BinarySearchFunc(p, log, func(p Partition, log LogID) int { return cmp.Compare(p.Log, log) }); ok {
				return s, t, PartitionID(i)
			}
		}
	}
	return nil, nil, 0
}

// User finds a user. ErrUserNotFound.
func (m *Machine) User(user Ident) (*User, error) {
	if u := m.users.find(user); u != nil {
		return u, nil
	}
	return nil, ErrUserNotFound
}

// UserSince finds the user that has had this id since the given revision. ErrUserNotFound: that one is gone, even if the
// id has been given out again.
func (m *Machine) UserSince(id UserID, since uint64) (*User, error) {
	if u := m.users.find(ByNumber(id)); u != nil && u.Since == since {
		return u, nil
	}
	return nil, ErrUserNotFound
}

// Streams yields all streams by ascending id.
func (m *Machine) Streams() iter.Seq[*Stream] { return m.streams.all }

// StreamCount is the number of streams.
func (m *Machine) StreamCount() int { return m.streams.count() }

// Users yields all users by ascending id.
func (m *Machine) Users() iter.Seq[*User] { return m.users.all }

// UserCount is the number of users; 0 means that no data directory was ever set up.
func (m *Machine) UserCount() int { return m.users.count() }

// Retired lists, ascending, the logs that were deleted or purged and whose files may still exist.
func (m *Machine) Retired() []LogID { return m.retired }

// IsRetired tells whether a log is on that list.
func (m *Machine) IsRetired(log LogID) bool {
	_, found := slices.BinarySearch(m.retired, log)
	return found
}

// Topic finds a topic of the stream. ErrTopicNotFound.
func (s *Stream) Topic(topic Ident) (*Topic, error) {
	if t := s.topics.find(topic); t != nil {
		return t, nil
	}
	return nil, ErrTopicNotFound
}

// Topics yields the stream's topics by ascending id.
func (s *Stream) Topics() iter.Seq[*Topic] { return s.topics.all }

// TopicCount is the number of topics in the stream.
func (s *Stream) TopicCount() int { return s.topics.count() }

// setOptions takes new settings over and writes the option lists anew.
func (t *Topic) setOptions(s Settings, explicit optionSet) {
	t.Settings, t.explicit = s, explicit
	t.Explicit, t.Derived = s.lists(explicit)
}
