package shard

import (
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// codec is one dialect: how the frames of a connection are read, and how its replies are written. Handlers know commands and
// replies in the form of package wire and nothing of bytes. A connection gets its codec when its first bytes tell which
// it speaks; a request keeps the one it came in with.
type codec struct {
	headBytes   int // in front of every reply's body
	polledBytes int // of a poll's reply in front of its batches

	// frameSize is the size of the frame that p begins with; 0: p is too short to tell. An error: close the connection.
	frameSize func(p []byte, max int) (size int, err error)
	// open reads the head of a whole frame. err says what refuses the request; errNoRequest: close the connection.
	open func(p []byte, bound bool) (r received, err error)
	// putReply writes the head of a reply with so many bytes of body behind it.
	putReply func(dst []byte, h wire.Handle, status wire.Status, bodySize int, commit uint64)
	// putRefusal writes the whole answer to a request that open or a decoder of the login refused.
	putRefusal func(dst []byte, h wire.Handle, err error, commit uint64)
	// putLoginRefusal writes the whole answer to a login that failed, for the reason that status names.
	putLoginRefusal func(dst []byte, h wire.Handle, status wire.Status)
	// putEnd writes the frame that ends a session unasked, for the reason that status names.
	putEnd func(dst []byte, client [16]byte, status wire.Status)
	// appendEmpty appends the body of a success that says nothing.
	appendEmpty func(dst []byte, h wire.Handle) []byte

	decodeChangePassword       func(body []byte) (wire.ChangePassword, error)
	decodeCreateConsumerGroup  func(body []byte) (wire.CreateConsumerGroup, error)
	decodeCreatePartitions     func(body []byte) (wire.CreatePartitions, error)
	decodeCreateStream         func(body []byte) (wire.CreateStream, error)
	decodeCreateToken          func(body []byte) (wire.CreateToken, error)
	decodeCreateTopic          func(body []byte) (wire.CreateTopic, error)
	decodeCreateUser           func(body []byte) (wire.CreateUser, error)
	decodeDeleteConsumerGroup  func(body []byte) (wire.DeleteConsumerGroup, error)
	decodeDeleteConsumerOffset func(body []byte) (wire.DeleteConsumerOffset, error)
	decodeDeletePartitions     func(body []byte) (wire.DeletePartitions, error)
	decodeDeleteSegments       func(body []byte) (wire.DeleteSegments, error)
	decodeDeleteStream         func(body []byte) (wire.DeleteStream, error)
	decodeDeleteToken          func(body []byte) (wire.DeleteToken, error)
	decodeDeleteTopic          func(body []byte) (wire.DeleteTopic, error)
	decodeDeleteUser           func(body []byte) (wire.DeleteUser, error)
	decodeDescribeOptions      func(body []byte) (wire.DescribeOptions, error)
	decodeFlushUnsavedBuffer   func(body []byte) (wire.FlushUnsavedBuffer, error)
	decodeGetClient            func(body []byte) (wire.GetClient, error)
	decodeGetConsumerGroup     func(body []byte) (wire.GetConsumerGroup, error)
	decodeGetConsumerGroups    func(body []byte) (wire.GetConsumerGroups, error)
	decodeGetConsumerOffset    func(body []byte) (wire.GetConsumerOffset, error)
	decodeGetSnapshotFile      func(body []byte) (wire.GetSnapshotFile, error)
	decodeGetStream            func(body []byte) (wire.GetStream, error)
	decodeGetTopic             func(body []byte) (wire.GetTopic, error)
	decodeGetTopics            func(body []byte) (wire.GetTopics, error)
	decodeGetUser              func(body []byte) (wire.GetUser, error)
	decodeJoinConsumerGroup    func(body []byte) (wire.JoinConsumerGroup, error)
	decodeLeaveConsumerGroup   func(body []byte) (wire.LeaveConsumerGroup, error)
	decodeLogin                func(body []byte) (wire.Login, error)
	decodePollMessages         func(body []byte) (wire.PollMessages, error)
	decodePurgeStream          func(body []byte) (wire.PurgeStream, error)
	decodePurgeTopic           func(body []byte) (wire.PurgeTopic, error)
	decodeSetDurability        func(body []byte) (wire.SetDurability, error)
	decodeSendMessages         func(body []byte) (wire.SendMessages, error)
	decodeStoreConsumerOffset  func(body []byte) (wire.StoreConsumerOffset, error)
	decodeSyncConsumerGroup    func(body []byte) (wire.SyncConsumerGroup, error)
	decodeUpdatePermissions    func(body []byte) (wire.UpdatePermissions, error)
	decodeUpdateStream         func(body []byte) (wire.UpdateStream, error)
	decodeUpdateTopic          func(body []byte) (wire.UpdateTopic, error)
	decodeUpdateUser           func(body []byte) (wire.UpdateUser, error)

	appendCreateConsumerGroupReply func(dst []byte, x wire.ConsumerGroupDetails) []byte
	appendCreateStreamReply        func(dst []byte, x wire.Stream) []byte
	appendCreateTokenReply         func(dst []byte, x string) []byte
	appendCreateTopicReply         func(dst []byte, x wire.TopicDetails) []byte
	appendCreateUserReply          func(dst []byte, x wire.UserDetails) []byte
	appendDescribeOptionsReply     func(dst []byte, x []wire.OptionDescription) []byte
	appendGetClientReply           func(dst []byte, x wire.ClientDetails) []byte
	appendClient                   func(dst []byte, x wire.Client) []byte
	appendGetClusterMetadataReply  func(dst []byte, x wire.ClusterMetadata) []byte
	appendGetConsumerGroupReply    func(dst []byte, x wire.ConsumerGroupDetails) []byte
	appendConsumerGroup            func(dst []byte, x wire.ConsumerGroup) []byte
	appendGetConsumerOffsetReply   func(dst []byte, x wire.ConsumerOffset) []byte
	appendGetStatsReply            func(dst []byte, x *wire.Stats) []byte
	appendGetStreamReply           func(dst []byte, x wire.StreamDetails) []byte
	appendStream                   func(dst []byte, x wire.Stream) []byte
	appendToken                    func(dst []byte, x wire.Token) []byte
	appendGetTopicReply            func(dst []byte, x wire.TopicDetails) []byte
	appendPartition                func(dst []byte, x wire.Partition) []byte
	appendGroupMember              func(dst []byte, x wire.GroupMember) []byte
	appendTopicsCount              func(dst []byte, x int) []byte
	appendTopic                    func(dst []byte, x wire.Topic) []byte
	appendGetUserReply             func(dst []byte, x wire.UserDetails) []byte
	appendUser                     func(dst []byte, x wire.User) []byte
	appendLoginReply               func(dst []byte, x wire.LoginReply) []byte
	appendPollMessagesReply        func(dst []byte, x wire.Polled) []byte
	appendSendMessagesReply        func(dst []byte, x wire.Placement) []byte
	appendSyncConsumerGroupReply   func(dst []byte, x wire.Assignment) []byte
}

// received is the head of a request.
type received struct {
	code     wire.Code
	handle   wire.Handle
	body     []byte
	numbered bool // it changes metadata, and must not be done again under a number that was seen
}

// errNoRequest is a frame that a client has no business to send.
var errNoRequest = errors.New("not a request")

// newer is the dialect of today's clients.
var newer = codec{
	headBytes: vsr.HeaderSize, polledBytes: vsr.PolledSize,
	frameSize: vsrFrameSize, open: vsrOpen, putReply: vsr.PutReply, putRefusal: vsrPutRefusal, putLoginRefusal: vsrPutLoginRefusal,
	putEnd:      vsrPutEnd,
	appendEmpty: func(dst []byte, h wire.Handle) []byte { return vsr.AppendEmptyReply(dst, vsr.Operation(h.Operation)) },

	decodeChangePassword:       vsr.DecodeChangePassword,
	decodeCreateConsumerGroup:  vsr.DecodeCreateConsumerGroup,
	decodeCreatePartitions:     vsr.DecodeCreatePartitions,
	decodeCreateStream:         vsr.DecodeCreateStream,
	decodeCreateToken:          vsr.DecodeCreateToken,
	decodeCreateTopic:          vsr.DecodeCreateTopic,
	decodeCreateUser:           vsr.DecodeCreateUser,
	decodeDeleteConsumerGroup:  vsr.DecodeDeleteConsumerGroup,
	decodeDeleteConsumerOffset: vsr.DecodeDeleteConsumerOffset,
	decodeDeletePartitions:     vsr.DecodeDeletePartitions,
	decodeDeleteSegments:       vsr.DecodeDeleteSegments,
	decodeDeleteStream:         vsr.DecodeDeleteStream,
	decodeDeleteToken:          vsr.DecodeDeleteToken,
	decodeDeleteTopic:          vsr.DecodeDeleteTopic,
	decodeDeleteUser:           vsr.DecodeDeleteUser,
	decodeDescribeOptions:      vsr.DecodeDescribeOptions,
	decodeFlushUnsavedBuffer:   vsr.DecodeFlushUnsavedBuffer,
	decodeGetClient:            vsr.DecodeGetClient,
	decodeGetConsumerGroup:     vsr.DecodeGetConsumerGroup,
	decodeGetConsumerGroups:    vsr.DecodeGetConsumerGroups,
	decodeGetConsumerOffset:    vsr.DecodeGetConsumerOffset,
	decodeGetSnapshotFile:      vsr.DecodeGetSnapshotFile,
	decodeGetStream:            vsr.DecodeGetStream,
	decodeGetTopic:             vsr.DecodeGetTopic,
	decodeGetTopics:            vsr.DecodeGetTopics,
	decodeGetUser:              vsr.DecodeGetUser,
	decodeJoinConsumerGroup:    vsr.DecodeJoinConsumerGroup,
	decodeLeaveConsumerGroup:   vsr.DecodeLeaveConsumerGroup,
	decodeLogin:                vsr.DecodeLogin,
	decodePollMessages:         vsr.DecodePollMessages,
	decodePurgeStream:          vsr.DecodePurgeStream,
	decodePurgeTopic:           vsr.DecodePurgeTopic,
	decodeSetDurability:        vsr.DecodeSetDurability,
	decodeSendMessages:         vsr.DecodeSendMessages,
	decodeStoreConsumerOffset:  vsr.DecodeStoreConsumerOffset,
	decodeSyncConsumerGroup:    vsr.DecodeSyncConsumerGroup,
	decodeUpdatePermissions:    vsr.DecodeUpdatePermissions,
	decodeUpdateStream:         vsr.DecodeUpdateStream,
	decodeUpdateTopic:          vsr.DecodeUpdateTopic,
	decodeUpdateUser:           vsr.DecodeUpdateUser,

	appendCreateConsumerGroupReply: vsr.AppendCreateConsumerGroupReply,
	appendCreateStreamReply:        vsr.AppendCreateStreamReply,
	appendCreateTokenReply:         vsr.AppendCreateTokenReply,
	appendCreateTopicReply:         vsr.AppendCreateTopicReply,
	appendCreateUserReply:          vsr.AppendCreateUserReply,
	appendDescribeOptionsReply:     vsr.AppendDescribeOptionsReply,
	appendGetClientReply:           vsr.AppendGetClientReply,
	appendClient:                   vsr.AppendClient,
	appendGetClusterMetadataReply:  vsr.AppendGetClusterMetadataReply,
	appendGetConsumerGroupReply:    vsr.AppendGetConsumerGroupReply,
	appendConsumerGroup:            vsr.AppendConsumerGroup,
	appendGetConsumerOffsetReply:   vsr.AppendGetConsumerOffsetReply,
	appendGetStatsReply:            vsr.AppendGetStatsReply,
	appendGetStreamReply:           vsr.AppendGetStreamReply,
	appendStream:                   vsr.AppendStream,
	appendToken:                    vsr.AppendToken,
	appendGetTopicReply:            vsr.AppendGetTopicReply,
	appendPartition:                vsr.AppendPartition,
	appendGroupMember:              vsr.AppendGroupMember,
	appendTopicsCount:              vsr.AppendTopicsCount,
	appendTopic:                    vsr.AppendTopic,
	appendGetUserReply:             vsr.AppendGetUserReply,
	appendUser:                     vsr.AppendUser,
	appendLoginReply:               vsrAppendLoginReply,
	appendPollMessagesReply:        vsr.AppendPollMessagesReply,
	appendSendMessagesReply:        vsr.AppendSendMessagesReply,
	appendSyncConsumerGroupReply:   vsr.AppendSyncConsumerGroupReply,
}

func vsrFrameSize(p []byte, max int) (int, error) {
	if len(p) < vsr.HeaderSize {
		return 0, nil
	}
	_, n, err := vsr.DecodeHeader(p, max)
	if errors.Is(err, vsr.ErrFrameSize) {
		err = fmt.Errorf("%w; the setting frame_size_max is the upper bound", err)
	}
	return n, err
}

func vsrOpen(p []byte, bound bool) (r received, err error) {
	f := vsr.Frame{Header: vsr.Header(p[:vsr.HeaderSize]), Body: p[vsr.HeaderSize:]}
	r.handle, r.body = f.Handle(), f.Body
	r.numbered = f.Operation().ChangesMetadata()
	if r.code, err = vsr.CheckRequest(f, bound); errors.Is(err, vsr.ErrNotRequest) {
		err = errNoRequest
	}
	return r, err
}

func vsrPutRefusal(dst []byte, h wire.Handle, err error, commit uint64) {
	if reason := vsr.Reason(0); errors.As(err, &reason) {
		vsr.PutEviction(dst, h.Client, reason)
		return
	}
	vsr.PutReply(dst, h, wire.StatusOf(err), 0, commit)
}

func vsrPutLoginRefusal(dst []byte, h wire.Handle, status wire.Status) {
	vsr.PutEviction(dst, h.Client, vsr.ReasonOf(status))
}

func vsrPutEnd(dst []byte, client [16]byte, status wire.Status) {
	vsr.PutEviction(dst, client, vsr.ReasonOf(status))
}

func vsrAppendLoginReply(dst []byte, l wire.LoginReply) []byte {
	l.Protocol = vsr.Protocol
	return vsr.AppendLoginReply(dst, l)
}
