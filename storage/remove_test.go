package storage_test

import (
	"fmt"
	"testing"

	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

// TestManyLogsAreRemovedInBoundedSteps drops hundreds of logs in one turn: at most eight removals and a sync are under way at any time, one sync serves
// many directories, and at the end nothing is left and each was reported once.
func TestManyLogsAreRemovedInBoundedSteps(t *testing.T) {
	most, syncs, left, err := dropMany(600)
	if err != nil || most > 9 || syncs > 10 || len(left) > 0 {
		t.Errorf("%d operations at a time, %d directory syncs, left %v, %v", most, syncs, left, err)
	}
}

// dropMany has the files of n logs removed and returns how many operations were in flight at most, how often their directory was
// synced, and what is left.
func dropMany(n int) (most, syncs int, left []string, err error) {
	d := sim.NewDisk(1)
	must := func(e error) {
		if err == nil {
			err = e
		}
	}
	must(d.Mkdir(dir))
	must(d.Mkdir(dir + "/logs"))
	for id := range n {
		logDir := storage.LogDir(dir, storage.LogID(id+1))
		must(d.Mkdir(logDir))
		for k := range id % 4 { // with one or more segments, or none
			fd, e := d.Open(storage.SegmentPath(dir, storage.LogID(id+1), storage.SegmentID{Base: storage.Offset(k)}), true, false)
			must(e)
			must(d.Close(fd))
		}
	}
	s := storage.New(storage.Config{Dir: dir, FirstGroup: 1, TailMemory: simMemory(), JournalMemory: simMemory(), ReadMemory: simMemory(),
		Journal: [2]storage.JournalFile{{Size: storage.JournalBytesMin}, {Size: storage.JournalBytesMin}}})
	done := map[storage.LogID]int{}
	s.Begin(1, 1)
	for id := range n {
		s.Drop(storage.LogID(id+1), func(id storage.LogID, e error) {
			must(e)
			done[id]++
		})
	}
	for turns := 0; s.Removing(); turns++ {
		s.End()
		for _, op := range s.TakeOps() {
			if op.Kind == storage.OpSyncDir {
				syncs++
			}
			d.Submit(0, op)
		}
		most = max(most, d.InFlight())
		c, ok := d.Complete()
		if !ok {
			must(fmt.Errorf("nothing is in flight after %d turns, %d of %d logs are gone", turns, len(done), n))
			break
		}
		s.Begin(1, 1)
		if c.Names != nil {
			s.CompleteList(c.Token, c.Names, c.Err)
		} else {
			s.Complete(c.Token, c.Res, c.Err)
		}
	}
	for id := range n {
		if k := done[storage.LogID(id+1)]; k != 1 {
			must(fmt.Errorf("log %d was reported %d times", id+1, k))
		}
	}
	return most, syncs, d.Files("/logs/"), err
}
