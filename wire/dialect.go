package wire

import "errors"

// Dialect reads the frames of one protocol and writes its replies. It keeps no state, and may be used by several threads.
//
// A request is Frame (how long), Open (what it asks); its reply is Head, then what Body appends, or the Parts of a list, or a poll's
// batches behind its Body. Views in what Open fills in point into the frame.
//
// The reply to a frame of CodeSeveral is its Head, and behind it, in the order of the parts, the reply to each: Head and Body as if it had come
// alone, with its own Handle.
type Dialect interface {
	// Frame is the size of the frame that p begins with, at most max; 0: p is too short to tell. An error: close the connection.
	Frame(p []byte, max int) (size int, err error)
	// Open reads a whole frame into r. bound: the connection has a session. An error refuses the request, and Code and Handle are
	// set nevertheless; ErrNoRequest: close the connection. A body that can't be read is no error but r.Malformed.
	Open(p []byte, bound bool, r *Request) error
	// HeadBytes is what every reply has in front of its body, PolledBytes what a poll's body has in front of its batches.
	HeadBytes() int
	PolledBytes() int
	// Head writes HeadBytes of head to dst: of the reply r, which has so many bytes of body behind it.
	Head(dst []byte, h *Handle, r *Reply, bodyBytes int)
	// Body appends the body of the reply r to dst, for a poll what is in front of its batches.
	Body(dst []byte, h *Handle, r *Reply) []byte
	// Part appends one thing of a list to dst: a pointer to its form.
	Part(dst []byte, form any) []byte
	// Records is how the batches of sends and polls look in this dialect.
	Records() RecordForm
	// Window is how many requests of a connection may be under way at a time, at least 1, and whether their replies leave in the order
	// of the requests.
	Window() (most int, inOrder bool)
	// Serves is false for a dialect whose every request is refused, because its clients are too old or too new.
	Serves() bool
}

// RecordForm says how batches look on the wire.
type RecordForm uint8

// RecordsAsStored are batches as package batch has them.
const RecordsAsStored RecordForm = iota

// ErrNoRequest is a frame that a client has no business to send.
var ErrNoRequest = errors.New("not a request")

// Request is a command in the form that handlers know. The commands on the path of messages have their form by value; all
// others in Form, as a pointer, nil for a command without a body.
type Request struct {
	Handle    Handle
	Code      Code
	Numbered  bool  // it changes metadata, and must not be done again under a number that was seen
	Malformed error // why its body can't be read; then there is no form

	Send        SendMessages
	Poll        PollMessages
	GetOffset   GetConsumerOffset
	StoreOffset StoreConsumerOffset
	Form        any

	Parts []Request // of CodeSeveral: at most PartsMax, all of one command that asks one log
}

// PartsMax bounds the requests of a frame that has several.
const PartsMax = 64

// Reply is an answer in the form that handlers know. With a status other than StatusOK it has no body.
type Reply struct {
	Code     Code
	Status   Status
	Refusal  Refusal
	Err      error  // of a RefusedFrame: what Open returned
	Revision uint64 // of the metadata

	Placed Placement
	Polled Polled
	Offset ConsumerOffset
	Form   any // of other commands, as a pointer; nil: a success that says nothing; NotThere
}

// Refusal says how a status other than StatusOK is told.
type Refusal uint8

// The kinds of refusals.
const (
	RefusedCommand Refusal = iota // the command failed
	RefusedFrame                  // the request breaks a rule of the protocol
	RefusedLogin                  // a login failed
	EndedSession                  // nothing was asked: the session is over
)

// NotThere is the form of the answer to who asks for one thing that is not there, or not to be seen.
type NotThere struct{}

// TopicsCount is what the list of a stream's topics begins with.
type TopicsCount uint32

// TokenText is the text of a token, which is told once.
type TokenText string

// OptionDescriptions answer DESCRIBE_OPTIONS.
type OptionDescriptions []OptionDescription
