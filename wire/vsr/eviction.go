package vsr

import (
	"encoding/binary"
	"strconv"

	"github.com/galgo-mq/galgo/wire"
)

// Reason is why a server ends a session, or refuses to begin one. As an error it tells the caller of CheckRequest
// or DecodeLogin to answer with an eviction.
type Reason uint8

// The reasons that have a use.
const (
	ReasonNoSession               Reason = 1 // a command that needs a session, without one
	ReasonInvalidRequestOperation Reason = 4
	ReasonInvalidRequestBody      Reason = 5
	ReasonSessionTooLow           Reason = 7
	ReasonSessionReleaseMismatch  Reason = 8
	ReasonInvalidCredentials      Reason = 9 // unknown user, wrong password or inactive: on purpose the same
	ReasonInvalidToken            Reason = 10
	ReasonUserInactive            Reason = 11 // owner of a token
	ReasonSessionError            Reason = 12 // the client id belongs to another user
	ReasonStaleClient             Reason = 13
	ReasonIncompatibleProtocol    Reason = 14
	ReasonMalformedLogin          Reason = 15
)

func (r Reason) Error() string {
	return "evicted for reason " + strconv.Itoa(int(r)) + ": " + r.Status().Error()
}

// Unwrap makes errors.Is and errors.As see the status.
func (r Reason) Unwrap() error { return r.Status() }

// Status is what clients make of the reason.
func (r Reason) Status() wire.Status {
	switch r {
	case 2, 3, ReasonInvalidRequestOperation, ReasonInvalidRequestBody, 6:
		return wire.StatusInvalidCommand
	case ReasonInvalidCredentials:
		return wire.StatusInvalidCredentials
	case ReasonInvalidToken:
		return wire.StatusInvalidPersonalAccessToken
	case ReasonStaleClient:
		return wire.StatusStaleClient
	case ReasonIncompatibleProtocol:
		return wire.StatusIncompatibleProtocolVersion
	case ReasonMalformedLogin:
		return wire.StatusInvalidFormat
	}
	return wire.StatusUnauthenticated
}

// ReasonOf is the reason of an eviction for a status: of a login that fails, or of a session that ends unasked.
func ReasonOf(status wire.Status) Reason {
	switch status {
	case wire.StatusInvalidCredentials:
		return ReasonInvalidCredentials
	case wire.StatusInvalidPersonalAccessToken, wire.StatusPersonalAccessTokenExpired:
		return ReasonInvalidToken
	case wire.StatusUserInactive:
		return ReasonUserInactive
	case wire.StatusStaleClient:
		return ReasonStaleClient
	}
	return ReasonSessionError
}

// An eviction is a header alone:
//
//	 at  size  field
//	 48     4  size                256
//	 60     1  command             13
//	128    16  client              whose session it ends, not zero
//	144     4  protocol            of the server, only for ReasonIncompatibleProtocol
//	148     4  protocol min        the lowest it accepts, likewise
//	152   103  reserved            zero
//	255     1  reason
const (
	evictionProtocolPos    = 144
	evictionProtocolMinPos = 148
	evictionReasonPos      = 255
)

// PutEviction writes the eviction of client to dst, HeaderSize bytes. It stands in place of a reply, or ends a
// session unasked; then the client takes it for the reply to its next request, which must not be answered as well.
func PutEviction(dst []byte, client [16]byte, reason Reason) {
	dst = dst[:HeaderSize]
	clear(dst)
	binary.LittleEndian.PutUint32(dst[sizePos:], HeaderSize)
	dst[commandPos] = byte(CommandEviction)
	copy(dst[clientPos:], client[:])
	if reason == ReasonIncompatibleProtocol {
		binary.LittleEndian.PutUint32(dst[evictionProtocolPos:], Protocol)
		binary.LittleEndian.PutUint32(dst[evictionProtocolMinPos:], ProtocolMin)
	}
	dst[evictionReasonPos] = byte(reason)
}

// EvictionReason is why, in an eviction.
func (h Header) EvictionReason() Reason { return Reason(h[evictionReasonPos]) }
