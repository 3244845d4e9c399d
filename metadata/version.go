package metadata

import (
	"errors"
	"fmt"
)

// ErrVersion is what every VersionError is: a newer version of the server wrote these bytes. They are not damaged.
var ErrVersion = errors.New("metadata: written by a newer version of the server")

// VersionError says what a newer version wrote that this one does not understand.
type VersionError struct {
	What  string // "version of the snapshot", "version of a command", `topic option "x"`
	Found uint32 // its version, where it has one
	Known uint32 // the newest that this build reads; 0: What has no number
}

func (e *VersionError) Error() string {
	if e.Known == 0 {
		return fmt.Sprintf("metadata: %s is unknown to this version: a newer version of the server wrote it", e.What)
	}
	return fmt.Sprintf("metadata: %s is %d, and this one reads up to %d: a newer version of the server wrote it", e.What, e.Found, e.Known)
}

// Is makes every VersionError an ErrVersion.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

// newerThan notes that a newer version wrote what is being read; reading on gives zeros.
func (d *decoder) newerThan(what string, found, known uint32) {
	if d.newer == nil && !d.failed {
		d.newer = &VersionError{what, found, known}
	}
	d.failed, d.p = true, nil
}

// reserved takes n bytes that this version writes as zeros. Others say something that it does not understand.
func (d *decoder) reserved(what string, n int) {
	for _, b := range d.bytes(n) {
		if b != 0 {
			d.newerThan(what, 0, 0)
			return
		}
	}
}

// zeros has room for the longest field that stays zero.
var zeros [64]byte

// appendReserved writes n bytes for what later versions say there.
func appendReserved(dst []byte, n int) []byte { return append(dst, zeros[:n]...) }
