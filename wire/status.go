package wire

import (
	"errors"
	"strconv"

	"github.com/galgo-mq/galgo/batch"
)

// Status says how a command ended. It is the one table of errors that a peer may see; each dialect carries it as it
// can. As an error, compare with == or errors.Is.
type Status uint32

// StatusOK is success. It is never returned as an error.
const StatusOK Status = 0

func (s Status) Error() string {
	if text, ok := statusTexts[s]; ok {
		return text + " (" + strconv.FormatUint(uint64(s), 10) + ")"
	}
	if s == StatusOK {
		return "OK (0)"
	}
	return "unknown status (" + strconv.FormatUint(uint64(s), 10) + ")"
}

// StatusOf is the status for an error of a decoder or of package batch, for the reply to the command that caused
// it. An error that is neither is StatusError: it is ours, and its text is not the peer's business.
func StatusOf(err error) Status {
	var status Status
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, &status):
		return status
	case errors.Is(err, batch.ErrMessageChecksum):
		return StatusInvalidMessageChecksum
	case errors.Is(err, batch.ErrChecksum):
		return StatusInvalidBatchChecksum
	case errors.Is(err, batch.ErrPayloadEmpty):
		return StatusInvalidMessagePayloadLength
	case errors.Is(err, batch.ErrPayloadTooLarge), errors.Is(err, batch.ErrTooLarge):
		return StatusTooBigMessagePayload
	case errors.Is(err, batch.ErrHeadersTooLarge):
		return StatusTooBigUserHeaders
	case errors.Is(err, batch.ErrLength), errors.Is(err, batch.ErrReserved), errors.Is(err, batch.ErrCount),
		errors.Is(err, batch.ErrTiling), errors.Is(err, batch.ErrOffsetDelta):
		return StatusInvalidCommand
	}
	return StatusError
}
