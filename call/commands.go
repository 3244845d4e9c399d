package call

import (
	"fmt"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// command is one row of the table of commands: all that is a command's own beside its handler.
type command struct {
	handle  handler
	actions uint64 // set of metadata.Action: the caller needs the right for one, before anything is done or shown
	session bool   // instead: it is about the session alone, and needs no right
	early   bool   // it does something, or looks at rights, before it looks at a body that can't be read
	told    bool   // operators want to know of it: it is logged, done or refused
	part    bool   // it asks one log and nothing else, so that it may be one of several in a frame

	retires func(in *wire.Request) metadata.Retirement           // logs that it will retire; nil: none
	quota   *metadata.Quota                                      // what it adds to what is limited; nil: nothing
	demands func(p *wire.Peer, in *wire.Request) metadata.Demand // the same of one command; nil: nothing
	reply   func(r *Room, c *Call)                               // when it is applied; nil: success that says nothing
}

// needs tells whether the table has the action for this command.
func (k *command) needs(a metadata.Action) bool { return k.actions>>a&1 == 1 }

// check judges the row when the process starts.
func (k *command) check(code wire.Code) {
	if k.handle == nil || k.session == (k.actions != 0) {
		panic(fmt.Sprintf("BUG: command %d has no handler, or no action that its rights are judged by", code))
	}
	if limited := k.quota != nil && k.quota.Within != nil; limited != (k.demands != nil) || k.quota != nil && k.quota.TooMany == nil {
		panic(fmt.Sprintf("BUG: command %d makes something, and its row does not say what and within which limits", code))
	}
}

// may makes a set of actions.
func may(actions ...metadata.Action) (set uint64) {
	for _, a := range actions {
		if a == 0 || a >= 64 {
			panic(fmt.Sprintf("BUG: action %d does not fit into a set", a))
		}
		set |= 1 << a
	}
	return set
}

const codeMax = 1023

// commandTable has those that work. Others of the protocol answer that the feature is unavailable. It is an array because it is
// looked at for every request.
var commandTable [codeMax + 1]command

func init() {
	for _, part := range []map[wire.Code]command{sessionCommands, userCommands, streamCommands, messageCommands, groupCommands} {
		for code, k := range part {
			k.check(code)
			commandTable[code] = k
		}
	}
}

// commandOf finds a command's row, or says why there is none: the protocol's own checks may know codes that the table does not.
func commandOf(code wire.Code) (*command, wire.Status) {
	if code > codeMax {
		return nil, wire.StatusInvalidCommand
	}
	k := &commandTable[code]
	if k.handle == nil {
		return nil, wire.StatusFeatureUnavailable
	}
	return k, wire.StatusOK
}

// rowOf is the row of a command that was dispatched, or of none for what the broker does by itself.
func rowOf(code wire.Code) *command {
	if code > codeMax {
		code = 0
	}
	return &commandTable[code]
}

func retiresLogs(*wire.Request) metadata.Retirement {
	return metadata.Retirement{Kind: metadata.RetiresLogs}
}

var sessionCommands = map[wire.Code]command{
	wire.CodePing:   {handle: ping, session: true},
	wire.CodeLogin:  {handle: login, session: true, early: true},
	wire.CodeLogout: {handle: logoutCommand, session: true},

	wire.CodeGetClusterMetadata: {handle: getClusterMetadata, actions: may(metadata.ActionGetClusterMetadata)},
	wire.CodeGetMe:              {handle: getMe, actions: may(metadata.ActionGetMe)},
	wire.CodeGetStats:           {handle: getStats, actions: may(metadata.ActionGetStats)},
	wire.CodeGetClient:          {handle: getClient, actions: may(metadata.ActionGetClient)},
	wire.CodeGetClients:         {handle: getClients, actions: may(metadata.ActionGetClients)},
	wire.CodeGetSnapshotFile:    {handle: getSnapshotFile, actions: may(metadata.ActionGetSnapshot)},
	wire.CodeDescribeOptions:    {handle: describeOptions, actions: may(metadata.ActionDescribeOptions)},
}

var userCommands = map[wire.Code]command{
	wire.CodeGetUser:  {handle: getUser, actions: may(metadata.ActionGetUser, metadata.ActionGetOwnUser)},
	wire.CodeGetUsers: {handle: getUsers, actions: may(metadata.ActionGetUsers)},
	wire.CodeCreateUser: {handle: createUser, actions: may(metadata.ActionCreateUser), told: true, reply: replyUser,
		quota: &metadata.QuotaOfUsers,
		demands: func(_ *wire.Peer, in *wire.Request) metadata.Demand {
			return metadata.Demand{Name: in.Form.(*wire.CreateUser).Username}
		}},
	wire.CodeDeleteUser: {handle: deleteUser, actions: may(metadata.ActionDeleteUser), told: true},
	wire.CodeUpdateUser: {handle: updateUser, actions: may(metadata.ActionUpdateUser), told: true, quota: &metadata.Quota{TooMany: metadata.ErrTooManyUsers}},
	wire.CodeUpdatePermissions: {handle: updatePermissions, actions: may(metadata.ActionUpdatePermissions), told: true, early: true,
		quota: &metadata.Quota{TooMany: metadata.ErrTooManyUsers}},
	wire.CodeChangePassword: {handle: changePassword, actions: may(metadata.ActionChangePassword, metadata.ActionChangeOwnPassword), told: true, reply: replyPasswordChanged},

	wire.CodeGetTokens: {handle: getTokens, actions: may(metadata.ActionGetTokens)},
	wire.CodeCreateToken: {handle: createToken, actions: may(metadata.ActionCreateToken), told: true, reply: replyToken,
		quota: &metadata.QuotaOfTokens,
		demands: func(_ *wire.Peer, in *wire.Request) metadata.Demand {
			return metadata.Demand{Name: in.Form.(*wire.CreateToken).Name}
		}},
	wire.CodeDeleteToken: {handle: deleteToken, actions: may(metadata.ActionDeleteToken), told: true},
}

var streamCommands = map[wire.Code]command{
	wire.CodeGetStream:  {handle: getStream, actions: may(metadata.ActionGetStream)},
	wire.CodeGetStreams: {handle: getStreams, actions: may(metadata.ActionGetStreams)},
	wire.CodeCreateStream: {handle: createStream, actions: may(metadata.ActionCreateStream), told: true, reply: replyStream,
		quota: &metadata.QuotaOfStreams,
		demands: func(_ *wire.Peer, in *wire.Request) metadata.Demand {
			return metadata.Demand{Name: in.Form.(*wire.CreateStream).Name}
		}},
	wire.CodeUpdateStream: {handle: updateStream, actions: may(metadata.ActionUpdateStream), told: true, quota: &metadata.Quota{TooMany: metadata.ErrTooManyStreams}},
	wire.CodeDeleteStream: {handle: deleteStream, actions: may(metadata.ActionDeleteStream), told: true, retires: retiresLogs},
	wire.CodePurgeStream:  {handle: purgeStream, actions: may(metadata.ActionPurgeStream), told: true, retires: retiresLogs},

	wire.CodeGetTopic:  {handle: getTopic, actions: may(metadata.ActionGetTopic)},
	wire.CodeGetTopics: {handle: getTopics, actions: may(metadata.ActionGetTopics)},
	wire.CodeCreateTopic: {handle: createTopic, actions: may(metadata.ActionCreateTopic), told: true, reply: replyTopic,
		quota: &metadata.QuotaOfTopics,
		demands: func(_ *wire.Peer, in *wire.Request) metadata.Demand {
			m := in.Form.(*wire.CreateTopic)
			return metadata.Demand{Stream: ident(m.Stream), Name: m.Name, Partitions: m.PartitionsCount, Parts: metadata.NewTopic}
		}},
	wire.CodeUpdateTopic: {handle: updateTopic, actions: may(metadata.ActionUpdateTopic), told: true, quota: &metadata.Quota{TooMany: metadata.ErrTooManyTopics}},
	wire.CodeSetDurability: {handle: setDurability, actions: may(metadata.ActionUpdateTopic), told: true,
		retires: func(in *wire.Request) metadata.Retirement {
			m := in.Form.(*wire.SetDurability)
			return metadata.Retirement{Kind: metadata.RaisedTopic, Stream: ident(m.Stream), Topic: ident(m.Topic), Messages: metadata.Level(m.Messages), Offsets: metadata.Level(m.Offsets)}
		}},
	wire.CodeDeleteTopic: {handle: deleteTopic, actions: may(metadata.ActionDeleteTopic), told: true, retires: retiresLogs},
	wire.CodePurgeTopic:  {handle: purgeTopic, actions: may(metadata.ActionPurgeTopic), told: true, retires: retiresLogs},
	wire.CodeCreatePartitions: {handle: createPartitions, actions: may(metadata.ActionCreatePartitions), told: true,
		quota: &metadata.QuotaOfPartitions,
		demands: func(_ *wire.Peer, in *wire.Request) metadata.Demand {
			m := in.Form.(*wire.CreatePartitions)
			return metadata.Demand{Stream: ident(m.Stream), Topic: ident(m.Topic), Partitions: m.Count, Parts: metadata.MoreOfTopic}
		}},
	wire.CodeDeletePartitions: {handle: deletePartitions, actions: may(metadata.ActionDeletePartitions), told: true, retires: retiresLogs},
	wire.CodeDeleteSegments:   {handle: deleteSegments, actions: may(metadata.ActionDeleteSegments), told: true},
}

var messageCommands = map[wire.Code]command{
	wire.CodeSendMessages:         {handle: sendMessages, actions: may(metadata.ActionSendMessages), part: true},
	wire.CodePollMessages:         {handle: pollMessages, actions: may(metadata.ActionPollMessages), part: true},
	wire.CodeFlushUnsavedBuffer:   {handle: flushUnsavedBuffer, actions: may(metadata.ActionSendMessages), part: true},
	wire.CodeGetConsumerOffset:    {handle: getConsumerOffset, actions: may(metadata.ActionGetConsumerOffset), part: true},
	wire.CodeStoreConsumerOffset:  {handle: storeConsumerOffset, actions: may(metadata.ActionStoreConsumerOffset), part: true},
	wire.CodeDeleteConsumerOffset: {handle: deleteConsumerOffset, actions: may(metadata.ActionDeleteConsumerOffset), part: true},
	wire.CodeSeveral:              {handle: several, session: true}, // each of its parts is judged
}

var groupCommands = map[wire.Code]command{
	wire.CodeGetConsumerGroup:  {handle: getConsumerGroup, actions: may(metadata.ActionGetGroup)},
	wire.CodeGetConsumerGroups: {handle: getConsumerGroups, actions: may(metadata.ActionGetGroups)},
	wire.CodeCreateConsumerGroup: {handle: createConsumerGroup, actions: may(metadata.ActionCreateGroup), told: true, reply: replyGroup,
		quota: &metadata.QuotaOfGroups,
		demands: func(_ *wire.Peer, in *wire.Request) metadata.Demand {
			m := in.Form.(*wire.CreateConsumerGroup)
			return metadata.Demand{Stream: ident(m.Stream), Topic: ident(m.Topic), Name: m.Name}
		}},
	wire.CodeDeleteConsumerGroup: {handle: deleteConsumerGroup, actions: may(metadata.ActionDeleteGroup), told: true},
	wire.CodeJoinConsumerGroup: {handle: joinConsumerGroup, actions: may(metadata.ActionJoinGroup), told: true, reply: replyJoined,
		quota: &metadata.QuotaOfMembers,
		demands: func(p *wire.Peer, in *wire.Request) metadata.Demand {
			m := in.Form.(*wire.JoinConsumerGroup)
			return metadata.Demand{Stream: ident(m.Stream), Topic: ident(m.Topic), Group: ident(m.Group), Member: p.Session.Client}
		}},
	wire.CodeLeaveConsumerGroup: {handle: leaveConsumerGroup, actions: may(metadata.ActionLeaveGroup), told: true},
	wire.CodeSyncConsumerGroup:  {handle: syncConsumerGroup, actions: may(metadata.ActionSyncGroup)},
}
