package metadata

// Result says what a command brought about, and so what its caller has to do.
type Result struct {
	Stream StreamID // of stream, topic, partition and group commands
	Topic  TopicID  // of topic, partition and group commands
	Group  GroupID  // of group commands
	User   UserID   // of user and token commands
	// Secured is the revision since which sessions of the user are good, if the command has changed it: those from before have ended.
	Secured uint64
	// Created logs are to be placed on shards, by ascending partition. They have no files yet.
	Created []CreatedLog
	// Retired logs are to be closed, their files deleted and the directories synced, then forgotten (EncodeForgetLogs).
	// A purge retires a log and creates one for the same partition.
	Retired []RetiredLog
	// SettingsChanged: the topic's logs must be told its new settings.
	SettingsChanged bool
	// Pending are the hand-overs that a join has begun, or whose target it has changed, and after a purge all of the groups
	// in question. The shard of each partition is to look whether anything is in flight; they end by EncodeHandOver.
	Pending []Handover
	// DroppedGroups are gone, and their offsets are to be dropped. Groups that went with their topic are not listed: its
	// logs are retired.
	DroppedGroups []DroppedGroup
}

// CreatedLog is a partition's new log.
type CreatedLog struct {
	Stream    StreamID
	Topic     TopicID
	Partition PartitionID
	Log       LogID
	Settings  Settings
}

// RetiredLog is a log whose life is over, with the place that it had.
type RetiredLog struct {
	Stream    StreamID
	Topic     TopicID
	Partition PartitionID
	Log       LogID
}

// DroppedGroup is a group that is gone, with the logs that may hold offsets of it, by partition.
type DroppedGroup struct {
	Stream StreamID
	Topic  TopicID
	Group  GroupID
	Logs   []LogID
}

// command is one that is being applied: its body is decoded from the front.
type command struct {
	decoder
	at       Micros
	revision uint64 // the state's, which is this command's index
}

// handler decodes the body of a command, judges it and, if nothing is wrong, changes the state.
type handler func(*Machine, *command) (Result, error)

// handlers are by kind. What a command changes is the machine's only where it is more than one of its parts.
var handlers = [...]handler{
	kindCreateStream:      (*Machine).createStream,
	kindUpdateStream:      ofTree((*Tree).updateStream),
	kindDeleteStream:      (*Machine).deleteStream,
	kindPurgeStream:       (*Machine).purgeStream,
	kindCreateTopic:       (*Machine).createTopic,
	kindUpdateTopic:       ofTree((*Tree).updateTopic),
	kindDeleteTopic:       (*Machine).deleteTopic,
	kindPurgeTopic:        (*Machine).purgeTopic,
	kindCreatePartitions:  (*Machine).createPartitions,
	kindDeletePartitions:  (*Machine).deletePartitions,
	kindForgetLogs:        ofLogIDs((*LogIDs).forgetLogs),
	kindCreateUser:        (*Machine).createUser,
	kindUpdateUser:        ofAccounts((*Accounts).updateUser),
	kindDeleteUser:        ofAccounts((*Accounts).deleteUser),
	kindUpdatePermissions: (*Machine).updatePermissions,
	kindChangePassword:    ofAccounts((*Accounts).changePassword),
	kindReserveSessions:   (*Machine).reserveSessions,
	kindCreateToken:       ofAccounts((*Accounts).createToken),
	kindDeleteToken:       ofAccounts((*Accounts).deleteToken),
	kindExpireTokens:      ofAccounts((*Accounts).expireTokens),
	kindCreateGroup:       ofTree((*Tree).createGroup),
	kindDeleteGroup:       ofTree((*Tree).deleteGroup),
	kindJoinGroup:         ofTree((*Tree).joinGroup),
	kindLeaveGroup:        ofTree((*Tree).leaveGroup),
	kindDropMember:        ofTree((*Tree).dropMember),
	kindDropMembers:       ofTree((*Tree).dropMembers),
	kindHandOver:          ofTree((*Tree).handOver),
	kindSetLevels:         ofTree((*Tree).setLevels),
	kindSkipLogs:          ofLogIDs((*LogIDs).skipLogs),
	kindResetPassword:     ofAccounts((*Accounts).resetPassword),
}

func ofTree(f func(*Tree, *command) (Result, error)) handler {
	return func(m *Machine, c *command) (Result, error) { return f(&m.Tree, c) }
}

func ofAccounts(f func(*Accounts, *command) (Result, error)) handler {
	return func(m *Machine, c *command) (Result, error) { return f(&m.Accounts, c) }
}

func ofLogIDs(f func(*LogIDs, *command) (Result, error)) handler {
	return func(m *Machine, c *command) (Result, error) { return f(&m.LogIDs, c) }
}

// Apply changes the state by the command at the given index of the metadata log. Indexes rise and may leave gaps. An
// error means that the command is refused and nothing but Revision has changed: every replica refuses it alike. Which
// errors a command can give stands at its Encode function; besides those ErrStale (the index is not above Revision,
// which then stays), a VersionError (a newer version wrote it) and ErrCommand. cmd is not kept.
func (m *Machine) Apply(index uint64, cmd []byte) (Result, error) {
	if index <= m.revision {
		return Result{}, ErrStale
	}
	m.revision = index
	c := command{decoder: decoder{p: cmd}, revision: index}
	c.version = uint32(c.u8())
	kind := c.u8()
	c.at = Micros(c.u64())
	c.room("origin of a command", originBytes)
	switch {
	case c.version > commandVersion:
		return Result{}, &VersionError{"version of a command", c.version, commandVersion}
	case c.newer != nil:
		return Result{}, c.newer
	case c.failed || c.version == 0 || c.at == 0 || kind == 0:
		return Result{}, ErrCommand
	case int(kind) >= len(handlers):
		return Result{}, &VersionError{"kind of a command", uint32(kind), uint32(kindLast)}
	}
	r, err := handlers[kind](m, &c)
	if c.newer != nil {
		err = c.newer // no handler changes anything unless its body is whole
	}
	m.invariants()
	return r, err
}
