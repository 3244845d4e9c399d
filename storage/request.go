package storage

// RequestKind says what a Request asks of a log.
type RequestKind uint8

// The requests.
const (
	ReqAppend       RequestKind = iota + 1 // Batch, admitted; answers Base
	ReqPoll                                // Strategy, Value, Count, BytesMax, Consumer, AutoCommit; answers Spans
	ReqStoreOffset                         // Consumer, Value; level of offsets
	ReqGetOffset                           // Consumer; answers Value, Found
	ReqDeleteOffset                        // Consumer
	ReqFlush                               // everything appended so far to stable storage
	ReqMeta                                // Batch holds a metadata command, Value its index, More those behind it; persisted
	ReqTrim                                // DELETE_SEGMENTS: at most Count sealed segments
	ReqClose                               // no more appends; those in flight end first
	ReqDetach                              // the log leaves this store; answers Moved
	ReqAttach                              // made by Attach
	ReqLoad                                // made by Owe
	ReqRaise                               // Value, Count: Levels of records and of offsets that are told from now on; answers when all told before has them too
)

// Strategy says where a poll begins.
type Strategy uint8

// The polling strategies.
const (
	FromOffset Strategy = iota + 1
	FromTimestamp
	FromFirst
	FromLast
	FromNext
)

// ConsumerKey names whose offset is meant: a consumer or a consumer group, by number.
type ConsumerKey struct {
	Group bool
	ID    uint32
}

// SpansMax bounds the pieces of a poll reply.
const SpansMax = 60

// Span is a piece of a poll reply: memory of the log, held until Release.
type Span struct {
	Data  []byte // nil: given up, see Owe
	chunk *chunk
	seg   *segment // that has the same bytes at pos; nil: none has
	pos   Pos
	owed  int  // bytes without memory
	held  bool // counts among seg's users
	buf   int8 // number, from 1 on, of the request's buffer that Data lies in; 0: none
}

// Request is one command to a log. The shard fills in what the kind needs and hands it to Do; it is the store's until it
// comes out of TakeDone. A Request is reused; it points to no memory of the store after Release.
type Request struct {
	Kind       RequestKind
	Strategy   Strategy
	AutoCommit bool
	WhenShort  bool // ReqMeta: it is taken also while the store is short of space
	Found      bool
	Log        LogID
	Batch      []byte   // append: the record, the caller's memory until the request is answered
	More       [][]byte // ReqMeta: commands with the next indexes; all are taken or none
	Consumer   ConsumerKey
	User       User // who asks, noted with offsets that are stored; UserUnknown: not known
	Value      uint64
	Count      uint32
	BytesMax   int  // poll: one batch may go beyond it
	Within     bool // poll: none may, ErrReplyTooLarge

	// Head is off-heap memory of the caller, at least HeadMin long behind HeadLen, in which poll puts the headers of
	// slices; spans may point into it.
	Head    []byte
	HeadLen int

	// The answer.
	Err     error
	Base    Offset // append: offset of the first record; poll: first record returned
	Last    Offset // poll: offset of the last record returned, if any
	Current Offset // last visible offset of the log, 0 if it is empty
	Records uint32 // poll: records returned
	Bytes   int    // poll: bytes in Spans
	Spans   []Span // poll
	Moved   *Log   // detach
	Kept    bool   // Owe: spans hold memory that nobody else does, and can't be given up: its log, or its segment, is gone

	Owner any // the caller's; not touched

	next     *Request
	internal func(r *Request) // the store's own: called at the end of the turn instead of an answer
	bufs     [][]byte         // memory read from disk that Spans point into; nil: given back
	log      *Log
	poll     pollState
	soFar    progress
}

// progress is how far a request has come that is no poll.
type progress struct {
	level Level  // at which it is answered
	known bool   // append: its first record was dropped, as the log has it,
	at    Offset // here
}

// Clear empties the request for its next use, but for its owner and its memory for spans. It holds nothing of the store any more.
func (r *Request) Clear() {
	spans, bufs, owner := r.Spans[:0], r.bufs[:0], r.Owner
	*r = Request{} // in place
	r.Spans, r.bufs, r.Owner, r.User = spans, bufs, owner, User{Number: UserUnknown}
}

// HeadMin is the room poll needs in Head.
const HeadMin = 2 * 256

// requestList is a queue of requests, linked through them.
type requestList struct{ first, last *Request }

func (l *requestList) push(r *Request) {
	r.next = nil
	if l.last == nil {
		l.first = r
	} else {
		l.last.next = r
	}
	l.last = r
}

func (l *requestList) pushFront(r *Request) {
	if r.next = l.first; r.next == nil {
		l.last = r
	}
	l.first = r
}

func (l *requestList) pop() *Request {
	r := l.first
	if r == nil {
		return nil
	}
	if l.first = r.next; l.first == nil {
		l.last = nil
	}
	r.next = nil
	return r
}

func (l *requestList) take() *Request {
	r := l.first
	*l = requestList{}
	return r
}

// split takes all requests out: the first n, linked, and the others.
func (l *requestList) split(n int) (first *Request, others requestList) {
	all := *l
	*l = requestList{}
	last := all.first
	for ; last != nil && n > 1; n-- {
		last = last.next
	}
	if last == nil || last.next == nil {
		return all.first, others
	}
	others = requestList{first: last.next, last: all.last}
	last.next = nil
	return all.first, others
}

// join puts others before those in the list.
func (l *requestList) join(others requestList) {
	if others.first == nil {
		return
	}
	if others.last.next = l.first; l.first == nil {
		l.last = others.last
	}
	l.first = others.first
}

func (l *requestList) empty() bool { return l.first == nil }

// remove takes r out of the list, and reports whether it was there.
func (l *requestList) remove(r *Request) bool {
	var before *Request
	for q := l.first; q != nil; before, q = q, q.next {
		if q != r {
			continue
		}
		if before == nil {
			l.first = r.next
		} else {
			before.next = r.next
		}
		if l.last == r {
			l.last = before
		}
		r.next = nil
		return true
	}
	return false
}

// has reports whether r is in the list.
func (l *requestList) has(r *Request) bool {
	for q := l.first; q != nil; q = q.next {
		if q == r {
			return true
		}
	}
	return false
}

// hasOf reports whether one of the requests is for a log.
func (l *requestList) hasOf(log *Log) bool {
	for r := l.first; r != nil; r = r.next {
		if r.log == log {
			return true
		}
	}
	return false
}
