package wire

// Recogniser tells whether p, the first bytes of a connection, begins its protocol. frameMax is the largest frame that is taken. It keeps
// no state, and more bytes change no answer but NeedMore: else it would matter how a network cuts them.
type Recogniser func(p []byte, frameMax int) Verdict

// Verdict is what a Recogniser says.
type Verdict uint8

// The verdicts.
const (
	NotMine  Verdict = iota // another protocol's, or nobody's
	NeedMore                // too few to tell
	Mine
)

// FirstBytesMax is how many bytes decide what a connection speaks: NeedMore of so many counts as NotMine.
const FirstBytesMax = 64
