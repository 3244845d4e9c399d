package storage

import (
	"errors"
	"fmt"
)

// ErrNewer: a file was written by a newer build, in a format that this one does not know. Nothing of it is damaged.
var ErrNewer = errors.New("storage: written by a newer version of the server")

// newer is ErrNewer with both version numbers.
func newer(what string, has, knows int) error {
	return fmt.Errorf("%w: %s has format version %d, this build knows versions up to %d", ErrNewer, what, has, knows)
}
