package vsr

import (
	"errors"
	"fmt"

	"github.com/galgo-mq/galgo/wire"
)

// Dialect is today's protocol.
type Dialect struct{}

var _ wire.Dialect = Dialect{}

// Frame implements wire.Dialect.
func (Dialect) Frame(p []byte, max int) (int, error) {
	if len(p) < HeaderSize {
		return 0, nil
	}
	_, n, err := DecodeHeader(p, max)
	if errors.Is(err, ErrFrameSize) {
		err = fmt.Errorf("%w; the setting frame_size_max is the upper bound", err)
	}
	return n, err
}

// Open implements wire.Dialect.
func (Dialect) Open(p []byte, bound bool, r *wire.Request) (err error) {
	f := Frame{Header: Header(p[:HeaderSize]), Body: p[HeaderSize:]}
	r.Handle = f.Handle()
	r.Numbered = f.Operation().ChangesMetadata()
	r.Malformed, r.Form = nil, nil
	if r.Code, err = CheckRequest(f, bound); err != nil {
		if errors.Is(err, ErrNotRequest) {
			err = wire.ErrNoRequest
		}
		return err
	}
	switch r.Code {
	case wire.CodeSendMessages:
		r.Send, r.Malformed = DecodeSendMessages(f.Body)
	case wire.CodePollMessages:
		r.Poll, r.Malformed = DecodePollMessages(f.Body)
	case wire.CodeGetConsumerOffset:
		r.GetOffset, r.Malformed = DecodeGetConsumerOffset(f.Body)
	case wire.CodeStoreConsumerOffset:
		r.StoreOffset, r.Malformed = DecodeStoreConsumerOffset(f.Body)
	default:
		if decode := decoders[r.Code]; decode != nil {
			r.Form, r.Malformed = decode(f.Body)
		}
	}
	return nil
}

// formOf makes a decoder return its form as a pointer.
func formOf[T any](decode func(body []byte) (T, error)) func(body []byte) (any, error) {
	return func(body []byte) (any, error) {
		x, err := decode(body)
		if err != nil {
			return nil, err
		}
		return &x, nil
	}
}

// decoders are those of the commands with a body whose form is not in wire.Request by value.
var decoders = map[wire.Code]func(body []byte) (any, error){
	wire.CodeChangePassword:       formOf(DecodeChangePassword),
	wire.CodeCreateConsumerGroup:  formOf(DecodeCreateConsumerGroup),
	wire.CodeCreatePartitions:     formOf(DecodeCreatePartitions),
	wire.CodeCreateStream:         formOf(DecodeCreateStream),
	wire.CodeCreateToken:          formOf(DecodeCreateToken),
	wire.CodeCreateTopic:          formOf(DecodeCreateTopic),
	wire.CodeCreateUser:           formOf(DecodeCreateUser),
	wire.CodeDeleteConsumerGroup:  formOf(DecodeDeleteConsumerGroup),
	wire.CodeDeleteConsumerOffset: formOf(DecodeDeleteConsumerOffset),
	wire.CodeDeletePartitions:     formOf(DecodeDeletePartitions),
	wire.CodeDeleteSegments:       formOf(DecodeDeleteSegments),
	wire.CodeDeleteStream:         formOf(DecodeDeleteStream),
	wire.CodeDeleteToken:          formOf(DecodeDeleteToken),
	wire.CodeDeleteTopic:          formOf(DecodeDeleteTopic),
	wire.CodeDeleteUser:           formOf(DecodeDeleteUser),
	wire.CodeDescribeOptions:      formOf(DecodeDescribeOptions),
	wire.CodeFlushUnsavedBuffer:   formOf(DecodeFlushUnsavedBuffer),
	wire.CodeGetClient:            formOf(DecodeGetClient),
	wire.CodeGetConsumerGroup:     formOf(DecodeGetConsumerGroup),
	wire.CodeGetConsumerGroups:    formOf(DecodeGetConsumerGroups),
	wire.CodeGetSnapshotFile:      formOf(DecodeGetSnapshotFile),
	wire.CodeGetStream:            formOf(DecodeGetStream),
	wire.CodeGetTopic:             formOf(DecodeGetTopic),
	wire.CodeGetTopics:            formOf(DecodeGetTopics),
	wire.CodeGetUser:              formOf(DecodeGetUser),
	wire.CodeJoinConsumerGroup:    formOf(DecodeJoinConsumerGroup),
	wire.CodeLeaveConsumerGroup:   formOf(DecodeLeaveConsumerGroup),
	wire.CodeLogin:                formOf(DecodeLogin),
	wire.CodePurgeStream:          formOf(DecodePurgeStream),
	wire.CodePurgeTopic:           formOf(DecodePurgeTopic),
	wire.CodeSetDurability:        formOf(DecodeSetDurability),
	wire.CodeSyncConsumerGroup:    formOf(DecodeSyncConsumerGroup),
	wire.CodeUpdatePermissions:    formOf(DecodeUpdatePermissions),
	wire.CodeUpdateStream:         formOf(DecodeUpdateStream),
	wire.CodeUpdateTopic:          formOf(DecodeUpdateTopic),
	wire.CodeUpdateUser:           formOf(DecodeUpdateUser),
}

// HeadBytes implements wire.Dialect.
func (Dialect) HeadBytes() int { return HeaderSize }

// PolledBytes implements wire.Dialect.
func (Dialect) PolledBytes() int { return PolledSize }

// Records implements wire.Dialect.
func (Dialect) Records() wire.RecordForm { return wire.RecordsAsStored }

// Window implements wire.Dialect: one request at a time.
func (Dialect) Window() (most int, inOrder bool) { return 1, true }

// Serves implements wire.Dialect.
func (Dialect) Serves() bool { return true }

// Head implements wire.Dialect. What ends a session, or refuses a login, is an eviction.
func (Dialect) Head(dst []byte, h *wire.Handle, r *wire.Reply, bodyBytes int) {
	switch r.Refusal {
	case wire.RefusedLogin, wire.EndedSession:
		PutEviction(dst, h.Client, ReasonOf(r.Status))
		return
	case wire.RefusedFrame:
		if reason, is := reasonIn(r.Err); is {
			PutEviction(dst, h.Client, reason)
			return
		}
	}
	PutReply(dst, *h, r.Status, bodyBytes, r.Revision)
}

// reasonIn is for what refuses a request and ends the session with it.
func reasonIn(err error) (reason Reason, is bool) {
	is = errors.As(err, &reason)
	return reason, is
}

// Body implements wire.Dialect.
func (Dialect) Body(dst []byte, h *wire.Handle, r *wire.Reply) []byte {
	switch r.Code {
	case wire.CodeSendMessages:
		return AppendSendMessagesReply(dst, r.Placed)
	case wire.CodePollMessages:
		return AppendPollMessagesReply(dst, r.Polled)
	case wire.CodeGetConsumerOffset:
		if r.Form == nil {
			return AppendGetConsumerOffsetReply(dst, r.Offset)
		}
	}
	switch x := r.Form.(type) {
	case nil:
		return AppendEmptyReply(dst, Operation(h.Operation))
	case wire.NotThere:
		return dst
	case *wire.LoginReply:
		l := *x
		l.Protocol = Protocol
		return AppendLoginReply(dst, l)
	case *wire.Stream:
		return AppendCreateStreamReply(dst, *x)
	case *wire.TopicDetails:
		return AppendCreateTopicReply(dst, *x)
	case *wire.UserDetails:
		if r.Code == wire.CodeCreateUser {
			return AppendCreateUserReply(dst, *x)
		}
		return AppendGetUserReply(dst, *x)
	case *wire.TopicsCount:
		return AppendTopicsCount(dst, int(*x))
	case *wire.TokenText:
		return AppendCreateTokenReply(dst, string(*x))
	case *wire.ConsumerGroupDetails:
		return AppendCreateConsumerGroupReply(dst, *x)
	case *wire.Assignment:
		return AppendSyncConsumerGroupReply(dst, *x)
	case *wire.ClientDetails:
		return AppendGetClientReply(dst, *x)
	case *wire.ClusterMetadata:
		return AppendGetClusterMetadataReply(dst, *x)
	case *wire.OptionDescriptions:
		return AppendDescribeOptionsReply(dst, *x)
	case *wire.Stats:
		return AppendGetStatsReply(dst, x)
	}
	panic(fmt.Sprintf("BUG: a reply of form %T to command %v", r.Form, r.Code))
}

// Part implements wire.Dialect.
func (Dialect) Part(dst []byte, form any) []byte {
	switch x := form.(type) {
	case *wire.Stream:
		return AppendStream(dst, *x)
	case *wire.Topic:
		return AppendTopic(dst, *x)
	case *wire.TopicsCount:
		return AppendTopicsCount(dst, int(*x))
	case *wire.Partition:
		return AppendPartition(dst, *x)
	case *wire.ConsumerGroup:
		return AppendConsumerGroup(dst, *x)
	case *wire.GroupMember:
		return AppendGroupMember(dst, *x)
	case *wire.User:
		return AppendUser(dst, *x)
	case *wire.Token:
		return AppendToken(dst, *x)
	case *wire.Client:
		return AppendClient(dst, *x)
	}
	panic(fmt.Sprintf("BUG: a list of %T", form))
}
