// Package wire has the one internal form of every command and reply, whatever dialect a client speaks, and the one
// table of errors. The dialects are packages below it (wire/vsr): pure functions between bytes and these forms.
//
// Byte slices are views: those of a decoded request or reply alias the frame it came in and live as long as that
// does. Strings are copies. Nothing here knows of connections, shards or disks.
package wire

// Handle is what is kept of a request until it is answered, so that its bytes can be given back before. What of it means
// something is the dialect's own: its reply is made from it.
type Handle struct {
	Client    [16]byte // the session's own name for itself
	Stamp     [16]byte
	Timestamp uint64
	Request   uint64 // number of the request in the session
	Operation uint8
}

// Code names a command. The numbers are those of Iggy's registry, which all its dialects share; a dialect may send
// something shorter in their place.
type Code uint32

// The commands.
const (
	CodePing                  Code = 1
	CodeGetStats              Code = 10
	CodeGetSnapshotFile       Code = 11
	CodeGetClusterMetadata    Code = 12
	CodeDescribeOptions       Code = 13
	CodeAttachConsumerSession Code = 14
	CodeGetMe                 Code = 20
	CodeGetClient             Code = 21
	CodeGetClients            Code = 22
	CodeGetUser               Code = 31
	CodeGetUsers              Code = 32
	CodeCreateUser            Code = 33
	CodeDeleteUser            Code = 34
	CodeUpdateUser            Code = 35
	CodeUpdatePermissions     Code = 36
	CodeChangePassword        Code = 37
	CodeLoginUser             Code = 38 // of older dialects
	CodeLogout                Code = 39
	CodeLogin                 Code = 40 // by password; today's dialect does not tell it from CodeLoginWithToken
	CodeGetTokens             Code = 41
	CodeCreateToken           Code = 42
	CodeDeleteToken           Code = 43
	CodeLoginUserWithToken    Code = 44 // of older dialects
	CodeLoginWithToken        Code = 45
	CodePollMessages          Code = 100
	CodeSendMessages          Code = 101
	CodeFlushUnsavedBuffer    Code = 102
	CodeGetPollRouting        Code = 103
	CodePollMessagesOnPrimary Code = 104
	CodeGetConsumerOffset     Code = 120
	CodeStoreConsumerOffset   Code = 121
	CodeDeleteConsumerOffset  Code = 122
	CodeGetOffsetRouting      Code = 123
	CodeGetStream             Code = 200
	CodeGetStreams            Code = 201
	CodeCreateStream          Code = 202
	CodeDeleteStream          Code = 203
	CodeUpdateStream          Code = 204
	CodePurgeStream           Code = 205
	CodeGetTopic              Code = 300
	CodeGetTopics             Code = 301
	CodeCreateTopic           Code = 302
	CodeDeleteTopic           Code = 303
	CodeUpdateTopic           Code = 304
	CodePurgeTopic            Code = 305
	CodeCreatePartitions      Code = 402
	CodeDeletePartitions      Code = 403
	CodeDeleteSegments        Code = 503
	CodeGetConsumerGroup      Code = 600
	CodeGetConsumerGroups     Code = 601
	CodeCreateConsumerGroup   Code = 602
	CodeDeleteConsumerGroup   Code = 603
	CodeJoinConsumerGroup     Code = 604
	CodeLeaveConsumerGroup    Code = 605
	CodeSyncConsumerGroup     Code = 606

	// Galgo's own, beyond the numbers of the registry.
	CodeSetDurability Code = 1000
	CodeSeveral       Code = 1001 // several requests in one frame, which one reply answers
)
