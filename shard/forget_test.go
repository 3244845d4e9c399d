package shard

import (
	"testing"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/owner"
	"github.com/galgo-mq/galgo/storage"
)

// TestARunInMemoryForgetsNoLogs: the start that follows begins from the state before, and finds that their files are gone.
func TestARunInMemoryForgetsNoLogs(t *testing.T) {
	file := storage.JournalFile{Size: storage.JournalBytesMin}
	for _, late := range []func(uint64, [][]byte) error{nil, func(uint64, [][]byte) error { return nil }} {
		s := &Shard{logs: owner.New(owner.Config{Store: storage.Config{Journal: [2]storage.JournalFile{file, file}, Late: late}}, metadata.New())}
		s.dropped(1, nil)
		if want := late == nil; s.forgetting.Len() > 0 != want {
			t.Errorf("in memory %v: %d logs are to be forgotten", !want, s.forgetting.Len())
		}
	}
}
