package metadata

// A command, little endian:
//
//	at  size  field
//	 0     1  version    2
//	 1     1  kind       see the list below
//	 2     8  at         microseconds since 1970, of the turn that proposed it; not 0
//	10    16  origin     zeros: room for clusters
//	26        body       by kind; docs/formats/metadata.md draws each
//
// Version 1 has no origin, and nothing in its bodies of what version 2 adds; it is read. The Encode functions append a command
// to dst. They check nothing: Apply does, against the state.
const (
	commandVersion = 2
	originBytes    = 2 + 4 + 2 + 8 // node u16, boot u32, shard u16, number u64
)

type commandKind uint8

// The numbers are on disk: new kinds go to the end.
const (
	kindCreateStream commandKind = iota + 1
	kindUpdateStream
	kindDeleteStream
	kindPurgeStream
	kindCreateTopic
	kindUpdateTopic
	kindDeleteTopic
	kindPurgeTopic
	kindCreatePartitions
	kindDeletePartitions
	kindForgetLogs
	kindCreateUser
	kindUpdateUser
	kindDeleteUser
	kindUpdatePermissions
	kindChangePassword
	kindReserveSessions
	kindCreateToken
	kindDeleteToken
	kindExpireTokens
	kindCreateGroup
	kindDeleteGroup
	kindJoinGroup
	kindLeaveGroup
	kindDropMember
	kindDropMembers
	kindHandOver
	kindSetLevels
	kindSkipLogs
	kindResetPassword

	kindLast = kindResetPassword
)

// OfRun reports whether a command is about the run that it was given in, so that a run that begins from the state before it gives it again:
// sessions, members that are gone, files that are gone.
func OfRun(command []byte) bool {
	if len(command) < 2 {
		return false
	}
	switch commandKind(command[1]) {
	case kindReserveSessions, kindDropMember, kindDropMembers, kindForgetLogs, kindSkipLogs:
		return true
	}
	return false
}

func appendHead(dst []byte, kind commandKind, at Micros) []byte {
	return appendReserved(le.AppendUint64(append(dst, commandVersion, byte(kind)), uint64(at)), originBytes)
}

// EncodeCreateStream makes a stream. ErrStreamName, ErrStreamNameExists, ErrTooManyStreams.
func EncodeCreateStream(dst []byte, at Micros, name []byte) []byte {
	return appendText(appendHead(dst, kindCreateStream, at), name)
}

// EncodeUpdateStream renames a stream; its present name is fine. ErrStreamName, ErrStreamNotFound, ErrStreamNameExists.
func EncodeUpdateStream(dst []byte, at Micros, stream Ident, name []byte) []byte {
	return appendText(appendIdent(appendHead(dst, kindUpdateStream, at), stream), name)
}

// EncodeDeleteStream deletes a stream with all its topics and retires their logs. ErrStreamNotFound.
func EncodeDeleteStream(dst []byte, at Micros, stream Ident) []byte {
	return appendIdent(appendHead(dst, kindDeleteStream, at), stream)
}

// EncodePurgeStream gives every partition of a stream a new log and retires the old ones. ErrStreamNotFound.
func EncodePurgeStream(dst []byte, at Micros, stream Ident) []byte {
	return appendIdent(appendHead(dst, kindPurgeStream, at), stream)
}

// CreateTopic is what a new topic needs.
type CreateTopic struct {
	Stream     Ident
	Name       []byte
	Partitions uint32 // may be 0
	Options    []Option
}

// EncodeCreateTopic makes a topic. The errors of CheckOptions, then ErrTopicName, ErrStreamNotFound,
// ErrTopicNameExists, ErrTooManyTopics, ErrTooManyPartitions, ErrTopicSize, and ErrOptionValue when it would
// preallocate too much.
func EncodeCreateTopic(dst []byte, at Micros, c CreateTopic) []byte {
	dst = appendIdent(appendHead(dst, kindCreateTopic, at), c.Stream)
	dst = le.AppendUint32(appendText(dst, c.Name), c.Partitions)
	return appendReserved(appendOptions(dst, c.Options), placementBytes)
}

// UpdateTopic is what changes in a topic.
type UpdateTopic struct {
	Stream, Topic Ident
	Name          []byte
	Options       []Option // keys that are absent keep their value
}

// EncodeUpdateTopic renames a topic and changes options that can be. The errors of CheckOptions, then ErrTopicName,
// ErrStreamNotFound, ErrTopicNotFound, ErrTopicNameExists, ErrTopicSize.
func EncodeUpdateTopic(dst []byte, at Micros, c UpdateTopic) []byte {
	dst = appendIdent(appendIdent(appendHead(dst, kindUpdateTopic, at), c.Stream), c.Topic)
	return appendOptions(appendText(dst, c.Name), c.Options)
}

// EncodeDeleteTopic deletes a topic and retires its logs. ErrStreamNotFound, ErrTopicNotFound.
func EncodeDeleteTopic(dst []byte, at Micros, stream, topic Ident) []byte {
	return appendIdent(appendIdent(appendHead(dst, kindDeleteTopic, at), stream), topic)
}

// EncodePurgeTopic gives every partition of a topic a new log and retires the old ones. ErrStreamNotFound,
// ErrTopicNotFound.
func EncodePurgeTopic(dst []byte, at Micros, stream, topic Ident) []byte {
	return appendIdent(appendIdent(appendHead(dst, kindPurgeTopic, at), stream), topic)
}

// EncodeCreatePartitions adds partitions at the top. ErrStreamNotFound, ErrTopicNotFound, ErrTooManyPartitions,
// ErrPartitionIDs, and ErrPartitionsCount when the topic would preallocate too much.
func EncodeCreatePartitions(dst []byte, at Micros, stream, topic Ident, count uint32) []byte {
	dst = appendIdent(appendIdent(appendHead(dst, kindCreatePartitions, at), stream), topic)
	return appendReserved(le.AppendUint32(dst, count), placementBytes)
}

// EncodeDeletePartitions removes the partitions with the highest ids and retires their logs. ErrStreamNotFound,
// ErrTopicNotFound, ErrTooManyPartitions, ErrPartitionsCount.
func EncodeDeletePartitions(dst []byte, at Micros, stream, topic Ident, count uint32) []byte {
	dst = appendIdent(appendIdent(appendHead(dst, kindDeletePartitions, at), stream), topic)
	return le.AppendUint32(dst, count)
}

// EncodeForgetLogs takes logs off the retired list: their files are gone for good. Ids that are not on the list are
// passed over, so it may be said twice. ErrLogNever.
func EncodeForgetLogs(dst []byte, at Micros, logs ...LogID) []byte {
	dst = appendReserved(appendHead(dst, kindForgetLogs, at), nodeBytes)
	dst = le.AppendUint32(dst, uint32(len(logs)))
	for _, log := range logs {
		dst = le.AppendUint64(dst, uint64(log))
	}
	return dst
}

// CreateUser is what a new user needs.
type CreateUser struct {
	Name        []byte
	PasswordPHC string // the hash, as text that says how it was made
	Status      UserStatus
	Permissions *Permissions // nil: none
}

// EncodeCreateUser makes a user. The first one is root and gets all rights. Rights for a stream or topic of another incarnation than
// there is are left out; those without one are for what has the number, or for the first that will. ErrUsername, ErrPassword, ErrUserStatus,
// ErrPermissions, ErrUserExists, ErrTooManyUsers.
func EncodeCreateUser(dst []byte, at Micros, c CreateUser) []byte {
	dst = appendText(appendText(appendHead(dst, kindCreateUser, at), c.Name), c.PasswordPHC)
	return appendPermissions(append(dst, byte(c.Status)), c.Permissions)
}

// UpdateUser is what changes in a user.
type UpdateUser struct {
	User   Ident
	Name   []byte     // empty: stays
	Status UserStatus // 0: stays
}

// EncodeUpdateUser renames a user or changes the status. A user that is switched off has no good session any more. ErrUsername,
// ErrUserStatus, ErrUserNotFound, ErrUserExists, ErrLastManagerOff.
func EncodeUpdateUser(dst []byte, at Micros, c UpdateUser) []byte {
	dst = appendText(appendIdent(appendHead(dst, kindUpdateUser, at), c.User), c.Name)
	return append(dst, byte(c.Status))
}

// EncodeDeleteUser deletes a user and its tokens. ErrUserNotFound, ErrDeleteRoot, ErrDeleteLastManager.
func EncodeDeleteUser(dst []byte, at Micros, user Ident) []byte {
	return appendIdent(appendHead(dst, kindDeleteUser, at), user)
}

// EncodeUpdatePermissions replaces a user's rights; nil takes them all. ErrPermissions, ErrUserNotFound,
// ErrRootPermissions, ErrLastManagerRights.
func EncodeUpdatePermissions(dst []byte, at Micros, user Ident, p *Permissions) []byte {
	return appendPermissions(appendIdent(appendHead(dst, kindUpdatePermissions, at), user), p)
}

// EncodeChangePassword replaces a user's password hash, provided that it still is the one that the caller has checked
// the old password against. Sessions from before are not good any more; tokens stay unless they are to go too. ErrPassword,
// ErrUserNotFound, ErrPasswordChanged.
func EncodeChangePassword(dst []byte, at Micros, user Ident, checkedPHC, newPHC string, dropTokens bool) []byte {
	dst = appendIdent(appendHead(dst, kindChangePassword, at), user)
	return append(appendText(appendText(dst, checkedPHC), newPHC), boolByte(dropTokens))
}

// EncodeResetPassword gives a user whose password is lost another one, deletes its tokens, as nobody knows who has them, and switches
// it on. It is for the owner of the data directory. ErrPassword, ErrUserNotFound.
func EncodeResetPassword(dst []byte, at Micros, user Ident, phc string) []byte {
	return appendText(appendIdent(appendHead(dst, kindResetPassword, at), user), phc)
}

// EncodeReserveSessions reserves every session number below upTo: after a restart none of them is given out again.
// ErrSessions when they are reserved already.
func EncodeReserveSessions(dst []byte, at Micros, upTo uint64) []byte {
	return le.AppendUint64(appendReserved(appendHead(dst, kindReserveSessions, at), nodeBytes), upTo)
}

// EncodeCreateToken makes a personal access token for the user that has its id since that revision; expiresAt 0 means
// never. ErrTokenName, ErrUserNotFound, ErrTokenExists, ErrTooManyTokens, ErrTokenHash.
func EncodeCreateToken(dst []byte, at Micros, user UserID, since uint64, name []byte, hash TokenHash, expiresAt Micros) []byte {
	dst = le.AppendUint32(appendHead(dst, kindCreateToken, at), uint32(user))
	dst = appendText(le.AppendUint64(dst, since), name)
	return le.AppendUint64(append(dst, hash[:]...), uint64(expiresAt))
}

// EncodeDeleteToken deletes a token of a user. ErrUserNotFound, ErrTokenNotFound.
func EncodeDeleteToken(dst []byte, at Micros, user UserID, since uint64, name []byte) []byte {
	dst = le.AppendUint32(appendHead(dst, kindDeleteToken, at), uint32(user))
	return appendText(le.AppendUint64(dst, since), name)
}

// EncodeExpireTokens deletes all tokens that expire at or before the command's time.
func EncodeExpireTokens(dst []byte, at Micros) []byte { return appendHead(dst, kindExpireTokens, at) }

// EncodeCreateGroup makes a consumer group. ErrGroupName, ErrStreamNotFound, ErrTopicNotFound, ErrGroupExists,
// ErrTooManyGroups.
func EncodeCreateGroup(dst []byte, at Micros, stream, topic Ident, name []byte) []byte {
	return appendText(appendIdent(appendIdent(appendHead(dst, kindCreateGroup, at), stream), topic), name)
}

// EncodeDeleteGroup deletes a consumer group with its members; its offsets are to be dropped (Result.DroppedGroups).
// ErrStreamNotFound, ErrTopicNotFound, ErrGroupNotFound.
func EncodeDeleteGroup(dst []byte, at Micros, stream, topic, group Ident) []byte {
	return appendGroup(appendHead(dst, kindDeleteGroup, at), stream, topic, group)
}

// EncodeJoinGroup makes a session a member. If it is one, nothing changes. ErrStreamNotFound, ErrTopicNotFound,
// ErrGroupNotFound, ErrTooManyMembers.
func EncodeJoinGroup(dst []byte, at Micros, stream, topic, group Ident, key MemberKey) []byte {
	return appendMember(appendGroup(appendHead(dst, kindJoinGroup, at), stream, topic, group), key)
}

// EncodeLeaveGroup takes a member out of a group. ErrStreamNotFound, ErrTopicNotFound, ErrGroupNotFound, ErrNotMember.
func EncodeLeaveGroup(dst []byte, at Micros, stream, topic, group Ident, key MemberKey) []byte {
	return appendMember(appendGroup(appendHead(dst, kindLeaveGroup, at), stream, topic, group), key)
}

// EncodeDropMember takes a member out of every group it is in; it may be in none.
func EncodeDropMember(dst []byte, at Micros, key MemberKey) []byte {
	return appendMember(appendHead(dst, kindDropMember, at), key)
}

// EncodeDropMembers takes all members out of all groups: at the start of a run no session is left.
func EncodeDropMembers(dst []byte, at Micros) []byte {
	return appendReserved(appendHead(dst, kindDropMembers, at), memberNodeBytes)
}

// EncodeHandOver completes hand-overs. Those that are not under way any more with the same fence are passed over.
func EncodeHandOver(dst []byte, at Micros, done []Handover) []byte {
	dst = le.AppendUint32(appendHead(dst, kindHandOver, at), uint32(len(done)))
	for _, h := range done {
		dst = le.AppendUint32(le.AppendUint32(dst, uint32(h.Stream)), uint32(h.Topic))
		dst = le.AppendUint32(le.AppendUint32(dst, uint32(h.Group)), uint32(h.Partition))
		dst = le.AppendUint64(dst, h.Fence)
	}
	return dst
}

// What clusters will say in commands, zeros until then: how many replicas a topic's partitions have, u16, and where each
// partition lies, a u32 count of placements; and which node a command is about.
const (
	placementBytes = 2 + 4
	nodeBytes      = 4
)

// appendMember writes a member: key 16 bytes, node u32, boot u32.
func appendMember(dst []byte, key MemberKey) []byte {
	return appendReserved(append(dst, key[:]...), memberNodeBytes)
}

func appendGroup(dst []byte, stream, topic, group Ident) []byte {
	return appendIdent(appendIdent(appendIdent(dst, stream), topic), group)
}

// EncodeSetLevels changes the levels of a topic, of its messages and of stored offsets; 0: stays. The protocol cannot: it is for
// the operator. Whoever raises one has seen to it that what was acknowledged is as safe. ErrOptionValue, ErrStreamNotFound,
// ErrTopicNotFound.
func EncodeSetLevels(dst []byte, at Micros, stream, topic Ident, messages, offsets Level) []byte {
	dst = appendIdent(appendIdent(appendHead(dst, kindSetLevels, at), stream), topic)
	return append(dst, byte(messages), byte(offsets))
}

// EncodeSkipLogs has log ids go on at next: those below it have been given out, although this state does not know of it. Nothing
// changes when they go on there or later anyway. ErrLogNever: no run of any length gets there.
func EncodeSkipLogs(dst []byte, at Micros, next LogID) []byte {
	return le.AppendUint64(appendHead(dst, kindSkipLogs, at), uint64(next))
}
