package metadata

// What things take in the heap of one replica, with what holds them: rows, map entries and the slack of slices. Rounded up, so that a
// bound on Bytes is one on memory; TestBytesAreWhatTheHeapTakes compares them with the heap.
const (
	streamSize    = 384
	topicSize     = 1792 // its options are listed twice: as settings, and for clients
	partitionSize = 96   // and its place in the map of owners
	groupSize     = 448
	seatSize      = 48 // of a partition in a group that has members
	memberSize    = 512
	userSize      = 448
	tokenSize     = 320
	entrySize     = 64 // of a stream in a user's rights
	leafSize      = 32 // of a topic in them
	retiredSize   = 16
	textSlack     = 16
)

func textSize(text string) int { return len(text) + textSlack }

func (s *Stream) size() int { return streamSize + textSize(s.Name) }

func (t *Topic) size() int {
	return topicSize + textSize(t.Name) + 2*len(t.Settings.Description) + len(t.Partitions)*partitionSize
}

func (g *Group) size() int {
	return groupSize + textSize(g.Name) + len(g.seats)*seatSize + g.MemberCount()*memberSize
}

func (u *User) size() int {
	size := userSize + textSize(u.Name) + textSize(u.PasswordPHC)
	for i := range u.Tokens {
		size += tokenSize + textSize(u.Tokens[i].Name)
	}
	if u.Permissions != nil {
		for i := range u.Permissions.Streams {
			size += entrySize + len(u.Permissions.Streams[i].Topics)*leafSize
		}
	}
	return size
}

// Growth is how much a command may add to Bytes, and how many partitions to LogCount, at most; nothing for one that will be refused as
// malformed.
func (m *Machine) Growth(cmd []byte) (bytes, logs int) {
	d := decoder{p: cmd}
	d.version = uint32(d.u8())
	kind, _ := commandKind(d.u8()), d.u64()
	d.room("origin of a command", originBytes)
	texts := len(cmd) + textSlack
	switch kind {
	case kindCreateStream:
		bytes = streamSize + texts
	case kindUpdateStream, kindUpdateUser, kindChangePassword, kindResetPassword:
		bytes = texts
	case kindUpdateTopic:
		bytes = 2 * texts // a description lies in the settings, and in the list for clients
	case kindCreateTopic:
		d.ident()
		d.text()
		logs = int(min(d.u32(), PartitionsOnceMax))
		bytes = topicSize + 2*texts + logs*partitionSize
	case kindCreatePartitions:
		t, err := m.Topic(d.ident(), d.ident())
		if err != nil {
			return 0, 0
		}
		logs = int(min(d.u32(), PartitionsOnceMax))
		bytes = logs * partitionSize
		for g := range t.Groups() {
			if g.MemberCount() > 0 {
				bytes += logs * seatSize
			}
		}
	case kindCreateGroup:
		bytes = groupSize + texts
	case kindJoinGroup:
		t, err := m.Topic(d.ident(), d.ident())
		if err != nil {
			return 0, 0
		}
		bytes = memberSize
		if g, err := t.Group(d.ident()); err == nil && g.MemberCount() == 0 {
			bytes += len(t.Partitions) * seatSize
		}
	case kindCreateUser:
		bytes = userSize + 2*textSlack + entriesGrowth*len(cmd)
	case kindUpdatePermissions:
		bytes = entriesGrowth * len(cmd)
	case kindCreateToken:
		bytes = tokenSize + texts
	}
	return bytes, logs
}

// entriesGrowth: no entry of rights takes more than so many times what it takes in a command.
const (
	entriesGrowth = 8
	_             = uint(entriesGrowth*entryBytesMin - entrySize)
	_             = uint(entriesGrowth*leafBytesMin - leafSize)
	entryBytesMin = 9 // of commands of version 1
	leafBytesMin  = 5
)
