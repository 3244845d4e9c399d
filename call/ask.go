package call

import (
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// Ask is a question to the process: what takes long, or belongs to all shards. Its kind says which fields are set.
type Ask struct {
	Kind     AskKind
	Account  string // as the client says it; it need not exist
	PHC      string // the stored hash; empty: there is no such user
	Password []byte // AskCheck: a copy; AskHash: it lies in the frame
	Client   [16]byte
	User     metadata.UserID
	Archive  *wire.GetSnapshotFile
	Stats    *wire.Stats

	then func(a *Answer)
}

// AskKind says what is asked.
type AskKind uint8

// The questions.
const (
	AskCheck   AskKind = iota + 1 // is Password that of PHC? OK
	AskHash                       // Password is hashed: PHC
	AskSession                    // a session of User for Client at the connection of the call's peer: Number; not OK: Client is in use by another user
	AskAddress                    // at which address has the peer reached this side? Address
	AskStats                      // Stats is filled in with what the kernel tells of process and machine
	AskArchive                    // an archive is made: Archive; not OK: it could not be
)

// Answer is what the process says.
type Answer struct {
	OK      bool
	Busy    bool // too much is asked: nothing was done, and the client is to come again
	Err     error
	PHC     string
	Number  uint64
	Address string
	Archive []byte
}

// ask has the process asked. then goes on with the answer, unless the process is busy.
func (r *Room) ask(c *Call, what Ask, then func(a *Answer)) {
	what.then = then
	c.Ask = &what
	r.tell(c, Asks)
}

// Told goes on with a call whose question is answered.
func (r *Room) Told(c *Call, a Answer) {
	then := c.Ask.then
	c.Ask = nil
	if a.Busy {
		r.refuse(c, wire.StatusTransientNotCommitted) // clients try again in 50 ms
		return
	}
	then(&a)
}
