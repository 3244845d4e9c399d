package storage_test

import (
	"testing"

	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

// TestWhatIsKeptOfALogSetAsideSurvivesAPowerCut: the folder of the log was there, and the run that had made it was killed before it was on
// stable storage.
func TestWhatIsKeptOfALogSetAsideSurvivesAPowerCut(t *testing.T) {
	const id = storage.LogID(3)
	for seed := range uint64(32) {
		d := sim.NewDisk(seed)
		change := func(c *storage.RecoverConfig) {
			c.Metadata = func([]byte, []storage.MetaCommand) (storage.MetaState, error) {
				return storage.MetaState{Live: map[storage.LogID]storage.Level{id: storage.LevelPersisted}}, nil
			}
			c.Report = func(string, storage.LogID, error) {}
		}
		again := func() *storage.LogState {
			rec, _, err := recoverFiles(t, d, change)
			if err != nil {
				t.Fatal(err)
			}
			return rec.Logs[0]
		}
		again()
		if err := d.Mkdir(storage.LogDir(dir, id)); err != nil {
			t.Fatal(err)
		}
		note(t, d, storage.PanicNote{Log: id, Starts: storage.PanicsMax})
		d.Kill()
		if st := again(); !st.Quarantined() || !st.Aside {
			t.Fatalf("seed %d: not set aside: %+v", seed, st)
		}
		d.PowerCut()
		if files := d.Files("/fenced-"); len(files) != 1 {
			t.Fatalf("seed %d: what was kept of the log is gone: %v", seed, files)
		}
	}
}

// note leaves the note of a panic, on stable storage.
func note(t *testing.T, d *sim.Disk, n storage.PanicNote) {
	t.Helper()
	folder := dir + "/state"
	fd, err := d.Open(folder+"/"+storage.PanicNoteName, true, false)
	if err == nil {
		err = d.Write(fd, []byte(n.String()), 0)
	}
	if err == nil {
		err = d.Sync(fd)
	}
	if err == nil {
		err = d.SyncDir(folder)
	}
	if err != nil {
		t.Fatal(err)
	}
}
