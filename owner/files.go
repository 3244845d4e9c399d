package owner

import (
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Files are those of retired logs, which go in the background.
type Files struct {
	store *storage.Store

	gone fifo.Queue[metadata.LogID] // which nobody was told of
	kept fifo.Queue[NotRemoved]
}

// NotRemoved is a log whose files could not be removed. The next start tries again.
type NotRemoved struct {
	Log metadata.LogID
	Err error
}

// Remove removes the files of logs that were retired before the start.
func (f *Files) Remove(logs []storage.LogID) {
	for _, log := range logs {
		f.drop(log)
	}
}

// drop removes the files of a log that is closed, or not open.
func (f *Files) drop(log storage.LogID) { f.store.Drop(log, f.removed) }

// removed notes that the files of a log are gone.
func (f *Files) removed(log storage.LogID, err error) {
	switch {
	case err != nil:
		f.kept.Push(NotRemoved{metadata.LogID(log), err})
	case !f.store.Space().Late(): // else the next start has them on its list again, and finds no files: a command would only fill what deletions need
		f.gone.Push(metadata.LogID(log))
	}
}

// Gone is how many logs there are for TakeGone.
func (f *Files) Gone() int { return f.gone.Len() }

// TakeGone returns at most n logs whose files are gone. Each comes once.
func (f *Files) TakeGone(n int) []metadata.LogID { return f.gone.PopN(nil, n) }

// TakeNotRemoved returns the next log whose files could not be removed.
func (f *Files) TakeNotRemoved() (n NotRemoved, ok bool) {
	if ok = f.kept.Len() > 0; ok {
		n = f.kept.Pop()
	}
	return n, ok
}
