package wire

// Exchange is one frame and the reply to it, as those who handle it see it: a connection fills in what came, a handler the reply.
type Exchange struct {
	Peer   *Peer  // who has sent the frame, until it is over; nil: nobody, the broker asks itself
	Frame  []byte // whole, until it is dropped
	Number uint64 // of the frame in its connection, from 1 on

	// Hurried says that the peer has sent more behind the frame, Closing that nobody will read the reply.
	Hurried, Closing bool

	// Top is memory outside the heap for what a reply begins with: its head, and a body that fits.
	Top []byte
	// Vec is the reply, or a part of it. Its memory stays as it is until the exchange is over, or the part is out.
	Vec [][]byte
	// Partial says that the reply goes on behind Vec: there is news of the exchange when Vec is out.
	Partial bool
	// Resumable says that sending may be cut off anywhere when its reader is slow; Out says where.
	Resumable bool
	// Pins says that the reply holds memory of logs until it is over, which cutting it off does not give back: who takes none of it is
	// not waited for when memory is short.
	Pins bool
	// Final says that nothing is read behind this reply, and the connection ends soon.
	Final bool
	// Watched says that it is news when Hurried or Closing become true.
	Watched bool
	// Out is how many bytes of Vec are out, of a part.
	Out int
}
