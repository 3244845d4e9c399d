package server

import "testing"

// TestDescriptorsAreDivided: connections take at most three quarters of what is left beside the process's own, whatever connections_max
// says, and all that the segments were promised is left.
func TestDescriptorsAreDivided(t *testing.T) {
	f := func(limit, shards, connectionsMax, files int, want descriptors) {
		t.Helper()
		got := descriptorsFor(limit, shards, connectionsMax, files)
		if got != want {
			t.Errorf("limit %d, %d shards, connections_max %d, files %d: %+v, want %+v", limit, shards, connectionsMax, files, got, want)
		}
		if all := got.connections + shards*got.files + ownDescriptorsFor(shards); all > limit && got.connections > 1 {
			t.Errorf("%d descriptors promised of %d", all, limit)
		}
	}
	f(1<<20, 2, 20000, 0, descriptors{20000, (1<<20 - 64 - 20000) / 2})
	f(20000, 2, 20000, 0, descriptors{14952, 2492})
	f(1024, 1, 20000, 0, descriptors{732, 244})
	f(1024, 2, 20000, 0, descriptors{720, 120})
	f(1024, 2, 100, 0, descriptors{100, 430})
	f(150, 2, 20000, 0, descriptors{64, 11})
	f(150, 2, 20000, 10, descriptors{66, 10})
	f(64, 2, 20000, 0, descriptors{1, filesMin})
	f(20, 4, 20000, 0, descriptors{1, filesMin})
}
