package metadata

import "slices"

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

// handlers decode the body of a command, judge it and, if nothing is wrong, change the state.
var handlers = [...]func(*Machine, Micros, *decoder) (Result, error){
	kindCreateStream:      (*Machine).createStream,
	kindUpdateStream:      (*Machine).updateStream,
	kindDeleteStream:      (*Machine).deleteStream,
	kindPurgeStream:       (*Machine).purgeStream,
	kindCreateTopic:       (*Machine).createTopic,
	kindUpdateTopic:       (*Machine).updateTopic,
	kindDeleteTopic:       (*Machine).deleteTopic,
	kindPurgeTopic:        (*Machine).purgeTopic,
	kindCreatePartitions:  (*Machine).createPartitions,
	kindDeletePartitions:  (*Machine).deletePartitions,
	kindForgetLogs:        (*Machine).forgetLogs,
	kindCreateUser:        (*Machine).createUser,
	kindUpdateUser:        (*Machine).updateUser,
	kindDeleteUser:        (*Machine).deleteUser,
	kindUpdatePermissions: (*Machine).updatePermissions,
	kindChangePassword:    (*Machine).changePassword,
	kindReserveSessions:   (*Machine).reserveSessions,
	kindCreateToken:       (*Machine).createToken,
	kindDeleteToken:       (*Machine).deleteToken,
	kindExpireTokens:      (*Machine).expireTokens,
	kindCreateGroup:       (*Machine).createGroup,
	kindDeleteGroup:       (*Machine).deleteGroup,
	kindJoinGroup:         (*Machine).joinGroup,
	kindLeaveGroup:        (*Machine).leaveGroup,
	kindDropMember:        (*Machine).dropMember,
	kindDropMembers:       (*Machine).dropMembers,
	kindHandOver:          (*Machine).handOver,
	kindSetLevels:         (*Machine).setLevels,
	kindSkipLogs:          (*Machine).skipLogs,
	kindResetPassword:     (*Machine).resetPassword,
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
	d := decoder{p: cmd}
	d.version = uint32(d.u8())
	kind, at := d.u8(), Micros(d.u64())
	d.room("origin of a command", originBytes)
	switch {
	case d.version > commandVersion:
		return Result{}, &VersionError{"version of a command", d.version, commandVersion}
	case d.newer != nil:
		return Result{}, d.newer
	case d.failed || d.version == 0 || at == 0 || kind == 0:
		return Result{}, ErrCommand
	case int(kind) >= len(handlers):
		return Result{}, &VersionError{"kind of a command", uint32(kind), uint32(kindLast)}
	}
	r, err := handlers[kind](m, at, &d)
	if d.newer != nil {
		err = d.newer // no handler changes anything unless its body is whole
	}
	m.invariants()
	return r, err
}

func (m *Machine) createStream(at Micros, d *decoder) (Result, error) {
	name := d.text()
	switch {
	case !d.whole():
		return Result{}, ErrCommand
	case !nameOK(name, 1, nameBytesMax):
		return Result{}, ErrStreamName
	case m.streams.hasName(name):
		return Result{}, ErrStreamNameExists
	case m.streams.count() == StreamsMax:
		return Result{}, ErrTooManyStreams
	}
	s := &Stream{ID: StreamID(m.streams.lowestFree()), Name: string(name), CreatedAt: at, Since: m.revision}
	m.streams.put(uint32(s.ID), s.Name, s)
	m.streamMade(s)
	m.bytes += s.size()
	return Result{Stream: s.ID}, nil
}

func (m *Machine) updateStream(_ Micros, d *decoder) (Result, error) {
	id, name := d.ident(), d.text()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrStreamName
	}
	s, err := m.Stream(id)
	if err != nil {
		return Result{}, err
	}
	if s.Name != string(name) {
		if m.streams.hasName(name) {
			return Result{}, ErrStreamNameExists
		}
		m.streams.rename(uint32(s.ID), s.Name, string(name))
		m.bytes -= s.size()
		s.Name = string(name)
		m.bytes += s.size()
	}
	return Result{Stream: s.ID}, nil
}

func (m *Machine) deleteStream(_ Micros, d *decoder) (Result, error) {
	s, err := m.decodeStream(d)
	if err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID}
	for t := range s.Topics() {
		r.Retired = appendRetired(r.Retired, t, 0)
		m.forgetTopic(t)
	}
	m.bytes -= s.size()
	m.streams.remove(uint32(s.ID), s.Name)
	m.streamGone(s)
	m.retire(r.Retired)
	return r, nil
}

func (m *Machine) purgeStream(_ Micros, d *decoder) (Result, error) {
	s, err := m.decodeStream(d)
	if err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID}
	for t := range s.Topics() {
		m.purge(t, &r)
	}
	m.retire(r.Retired)
	return r, nil
}

// decodeStream reads a body that is an Ident and nothing else.
func (m *Machine) decodeStream(d *decoder) (*Stream, error) {
	id := d.ident()
	if !d.whole() {
		return nil, ErrCommand
	}
	return m.Stream(id)
}

func (m *Machine) forgetLogs(_ Micros, d *decoder) (Result, error) {
	d.room("node of retired logs", nodeBytes)
	logs := make([]LogID, d.count(8))
	for i := range logs {
		logs[i] = LogID(d.u64())
	}
	if !d.whole() {
		return Result{}, ErrCommand
	}
	for _, log := range logs {
		if log == 0 || log >= m.nextLog {
			return Result{}, ErrLogNever
		}
	}
	slices.Sort(logs)
	m.retired = slices.DeleteFunc(m.retired, func(log LogID) bool {
		_, forget := slices.BinarySearch(logs, log)
		return forget
	})
	return Result{}, nil
}

func (m *Machine) reserveSessions(_ Micros, d *decoder) (Result, error) {
	d.room("node of session numbers", nodeBytes)
	upTo := d.u64()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	if upTo <= m.sessionsReserved {
		return Result{}, ErrSessions
	}
	m.sessionsReserved = upTo
	return Result{}, nil
}

func (m *Machine) skipLogs(_ Micros, d *decoder) (Result, error) {
	next := LogID(d.u64())
	if !d.whole() {
		return Result{}, ErrCommand
	}
	if next > logIDMax {
		return Result{}, ErrLogNever
	}
	m.nextLog = max(m.nextLog, next)
	return Result{}, nil
}

// giveLog hands out the next log id.
func (m *Machine) giveLog() LogID {
	log := m.nextLog
	m.nextLog++
	return log
}

// retire puts logs on the retired list.
func (m *Machine) retire(logs []RetiredLog) {
	for _, r := range logs {
		m.retired = append(m.retired, r.Log)
	}
	slices.Sort(m.retired)
}

// appendRetired lists the logs of a topic's partitions from the given one on.
func appendRetired(dst []RetiredLog, t *Topic, from int) []RetiredLog {
	for i := from; i < len(t.Partitions); i++ {
		dst = append(dst, RetiredLog{t.Stream, t.ID, PartitionID(i), t.Partitions[i].Log})
	}
	return dst
}
