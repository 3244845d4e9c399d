package storage

import (
	"errors"
	"testing"
)

// TestALogTableMayBeLargerThanAnyJournal: it is as large as its logs want it, and a start reads it piece by piece.
func TestALogTableMayBeLargerThanAnyJournal(t *testing.T) {
	table, journal := tableName(0, 0), journalName(0, 0)
	d := &countingFiles{open: map[int32]bool{}, sizes: map[string]int64{"/journal/" + table: journalBytesMax + BlockSize, "/journal/" + journal: journalBytesMax + BlockSize}}
	j := journalScan{r: &recovery{d: d}}
	if f, err := j.openFile(table); err != nil || f.size != journalBytesMax+BlockSize {
		t.Errorf("a table: %+v, %v", f, err)
	}
	if _, err := j.openFile(journal); !errors.Is(err, ErrDamaged) {
		t.Errorf("a journal: %v", err)
	}
}
