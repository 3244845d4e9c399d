package storage

import (
	"errors"
	"math"
	"testing"
)

// TestASideFileHoldsWhatItSays: what is larger than the fields of a group is refused before anything is written, and what is not can be read
// again by the next start.
func TestASideFileHoldsWhatItSays(t *testing.T) {
	if err := sideFits(7, sideBytesMax); err != nil {
		t.Error(err)
	}
	if err := sideFits(7, sideBytesMax+BlockSize); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
	if sideBytesMax > math.MaxUint32 || sideBytesMax%BlockSize != 0 {
		t.Errorf("a side file of %d bytes does not tell its size", int64(sideBytesMax))
	}
}
