package vsr

import "github.com/galgo-mq/galgo/wire"

// Operation says what a request is. Commands that change replicated state have one each; all others share
// NonReplicated and say in the code field which they are.
type Operation uint8

// The operations. Those from 64 to 68 are made by servers: clients may see them in a reply and never send them.
const (
	Register      Operation = 1
	NonReplicated Operation = 2
	Logout        Operation = 3

	CreateTopicWithAssignments      Operation = 64
	CreatePartitionsWithAssignments Operation = 65
	RemoveConsumerGroupMember       Operation = 66
	CompleteGroupRevocation         Operation = 67
	TruncatePartition               Operation = 68

	CreateStream        Operation = 128
	UpdateStream        Operation = 129
	DeleteStream        Operation = 130
	PurgeStream         Operation = 131
	CreateTopic         Operation = 132
	UpdateTopic         Operation = 133
	DeleteTopic         Operation = 134
	PurgeTopic          Operation = 135
	CreatePartitions    Operation = 136
	DeletePartitions    Operation = 137
	DeleteSegments      Operation = 138
	CreateConsumerGroup Operation = 139
	DeleteConsumerGroup Operation = 140
	CreateUser          Operation = 141
	UpdateUser          Operation = 142
	DeleteUser          Operation = 143
	ChangePassword      Operation = 144
	UpdatePermissions   Operation = 145
	CreateToken         Operation = 146
	DeleteToken         Operation = 147
	JoinConsumerGroup   Operation = 148
	LeaveConsumerGroup  Operation = 149

	SendMessages         Operation = 160
	StoreConsumerOffset  Operation = 161
	DeleteConsumerOffset Operation = 162
)

// operationKind groups operations by who may send them.
type operationKind uint8

const (
	unknownOperation operationKind = iota
	sessionOperation               // opens, closes or needs none: Register, NonReplicated, Logout
	internalOperation
	metadataOperation
	partitionOperation
)

// operations has what is to be known of each operation. framed: replies begin with a result section.
var operations = [256]struct {
	name   string
	code   wire.Code // the command it stands for, 0 for none or several
	kind   operationKind
	framed bool
}{
	Register:      {"Register", wire.CodeLogin, sessionOperation, true},
	NonReplicated: {"NonReplicated", 0, sessionOperation, false},
	Logout:        {"Logout", wire.CodeLogout, sessionOperation, false},

	CreateTopicWithAssignments:      {"CreateTopicWithAssignments", 0, internalOperation, true},
	CreatePartitionsWithAssignments: {"CreatePartitionsWithAssignments", 0, internalOperation, true},
	RemoveConsumerGroupMember:       {"RemoveConsumerGroupMember", 0, internalOperation, true},
	CompleteGroupRevocation:         {"CompleteConsumerGroupRevocation", 0, internalOperation, true},
	TruncatePartition:               {"TruncatePartition", 0, internalOperation, true},

	CreateStream:        {"CreateStream", wire.CodeCreateStream, metadataOperation, true},
	UpdateStream:        {"UpdateStream", wire.CodeUpdateStream, metadataOperation, true},
	DeleteStream:        {"DeleteStream", wire.CodeDeleteStream, metadataOperation, true},
	PurgeStream:         {"PurgeStream", wire.CodePurgeStream, metadataOperation, true},
	CreateTopic:         {"CreateTopic", wire.CodeCreateTopic, metadataOperation, true},
	UpdateTopic:         {"UpdateTopic", wire.CodeUpdateTopic, metadataOperation, true},
	DeleteTopic:         {"DeleteTopic", wire.CodeDeleteTopic, metadataOperation, true},
	PurgeTopic:          {"PurgeTopic", wire.CodePurgeTopic, metadataOperation, true},
	CreatePartitions:    {"CreatePartitions", wire.CodeCreatePartitions, metadataOperation, true},
	DeletePartitions:    {"DeletePartitions", wire.CodeDeletePartitions, metadataOperation, true},
	DeleteSegments:      {"DeleteSegments", wire.CodeDeleteSegments, metadataOperation, false},
	CreateConsumerGroup: {"CreateConsumerGroup", wire.CodeCreateConsumerGroup, metadataOperation, true},
	DeleteConsumerGroup: {"DeleteConsumerGroup", wire.CodeDeleteConsumerGroup, metadataOperation, true},
	CreateUser:          {"CreateUser", wire.CodeCreateUser, metadataOperation, true},
	UpdateUser:          {"UpdateUser", wire.CodeUpdateUser, metadataOperation, true},
	DeleteUser:          {"DeleteUser", wire.CodeDeleteUser, metadataOperation, true},
	ChangePassword:      {"ChangePassword", wire.CodeChangePassword, metadataOperation, true},
	UpdatePermissions:   {"UpdatePermissions", wire.CodeUpdatePermissions, metadataOperation, true},
	CreateToken:         {"CreatePersonalAccessToken", wire.CodeCreateToken, metadataOperation, true},
	DeleteToken:         {"DeletePersonalAccessToken", wire.CodeDeleteToken, metadataOperation, true},
	JoinConsumerGroup:   {"JoinConsumerGroup", wire.CodeJoinConsumerGroup, metadataOperation, true},
	LeaveConsumerGroup:  {"LeaveConsumerGroup", wire.CodeLeaveConsumerGroup, metadataOperation, true},

	SendMessages:         {"SendMessages", wire.CodeSendMessages, partitionOperation, false},
	StoreConsumerOffset:  {"StoreConsumerOffset", wire.CodeStoreConsumerOffset, partitionOperation, true},
	DeleteConsumerOffset: {"DeleteConsumerOffset", wire.CodeDeleteConsumerOffset, partitionOperation, true},
}

// Known says whether clients know the operation; a reply with another one fails in them.
func (op Operation) Known() bool { return operations[op].kind != unknownOperation }

// Framed says whether replies of the operation begin with a result section. Their success without payload is four
// zero bytes, not an empty body.
func (op Operation) Framed() bool { return operations[op].framed }

// ChangesMetadata says whether the operation must not be executed again under a request number already seen.
func (op Operation) ChangesMetadata() bool { return operations[op].kind == metadataOperation }

func (op Operation) String() string {
	if name := operations[op].name; name != "" {
		return name
	}
	return "unknown operation"
}

// codeKind says how a command may arrive.
type codeKind uint8

const (
	unknownCode codeKind = iota
	readCode             // as NonReplicated, after login
	openCode             // as NonReplicated, at any time
	ownCode              // by an operation of its own
	clusterCode          // only in clusters
	legacyCode           // only in older dialects
)

// codes has what is to be known of each command.
var codes = [...]codeKind{
	wire.CodePing:                  openCode,
	wire.CodeGetStats:              readCode,
	wire.CodeGetSnapshotFile:       readCode,
	wire.CodeGetClusterMetadata:    readCode,
	wire.CodeDescribeOptions:       readCode,
	wire.CodeAttachConsumerSession: clusterCode,
	wire.CodeGetMe:                 readCode,
	wire.CodeGetClient:             readCode,
	wire.CodeGetClients:            readCode,
	wire.CodeGetUser:               readCode,
	wire.CodeGetUsers:              readCode,
	wire.CodeCreateUser:            ownCode,
	wire.CodeDeleteUser:            ownCode,
	wire.CodeUpdateUser:            ownCode,
	wire.CodeUpdatePermissions:     ownCode,
	wire.CodeChangePassword:        ownCode,
	wire.CodeLoginUser:             legacyCode,
	wire.CodeLogout:                ownCode,
	wire.CodeLogin:                 ownCode,
	wire.CodeGetTokens:             readCode,
	wire.CodeCreateToken:           ownCode,
	wire.CodeDeleteToken:           ownCode,
	wire.CodeLoginUserWithToken:    legacyCode,
	wire.CodeLoginWithToken:        ownCode,
	wire.CodePollMessages:          readCode,
	wire.CodeSendMessages:          ownCode,
	wire.CodeFlushUnsavedBuffer:    readCode,
	wire.CodeGetPollRouting:        clusterCode,
	wire.CodePollMessagesOnPrimary: clusterCode,
	wire.CodeGetConsumerOffset:     readCode,
	wire.CodeStoreConsumerOffset:   ownCode,
	wire.CodeDeleteConsumerOffset:  ownCode,
	wire.CodeGetOffsetRouting:      clusterCode,
	wire.CodeGetStream:             readCode,
	wire.CodeGetStreams:            readCode,
	wire.CodeCreateStream:          ownCode,
	wire.CodeDeleteStream:          ownCode,
	wire.CodeUpdateStream:          ownCode,
	wire.CodePurgeStream:           ownCode,
	wire.CodeGetTopic:              readCode,
	wire.CodeGetTopics:             readCode,
	wire.CodeCreateTopic:           ownCode,
	wire.CodeDeleteTopic:           ownCode,
	wire.CodeUpdateTopic:           ownCode,
	wire.CodePurgeTopic:            ownCode,
	wire.CodeCreatePartitions:      ownCode,
	wire.CodeDeletePartitions:      ownCode,
	wire.CodeDeleteSegments:        ownCode,
	wire.CodeGetConsumerGroup:      readCode,
	wire.CodeGetConsumerGroups:     readCode,
	wire.CodeCreateConsumerGroup:   ownCode,
	wire.CodeDeleteConsumerGroup:   ownCode,
	wire.CodeJoinConsumerGroup:     ownCode,
	wire.CodeLeaveConsumerGroup:    ownCode,
	wire.CodeSyncConsumerGroup:     readCode,
	wire.CodeSetDurability:         readCode,
}

func kindOf(code wire.Code) codeKind {
	if code >= wire.Code(len(codes)) {
		return unknownCode
	}
	return codes[code]
}

// OperationOf is the operation that a client sends code as.
func OperationOf(code wire.Code) Operation {
	switch {
	case code == wire.CodeLoginWithToken:
		return Register
	case kindOf(code) != ownCode:
		return NonReplicated
	}
	for op := range operations {
		if operations[op].code == code {
			return Operation(op)
		}
	}
	return NonReplicated
}
