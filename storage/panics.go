package storage

import (
	"fmt"
	"strings"
)

// A log that makes the server panic would do so at every start, and take all other logs with it. So the log that was being
// worked on when the server panicked is noted in a file, with how many starts in a row it ended; at the next start after
// PanicsMax of them it is set aside: fenced unread, with everything that the journals have of it kept.
//
// The file is text, for people too:
//
//	log 17 ended 2 starts in a row
//
// An orderly end removes it, and a panic over another log begins anew.

// PanicNoteName is the file's name in the folder state of the data directory.
const PanicNoteName = "panic"

// What a payload says to have a build with the tag "planted" panic, if that bug is switched on.
const (
	PanicOnAppend   = "panic on append"
	PanicOnRecovery = "panic on recovery"
)

// PanicsMax is how many starts in a row a log may end before it is set aside.
const PanicsMax = 3

const (
	panicNoteFormat = "log %d ended %d starts in a row\n"
	panicNoteMax    = 4096
)

// PanicNote says which log ended the last starts.
type PanicNote struct {
	Log    LogID
	Starts int
}

// ParsePanicNote reads the file; what does not parse is no note.
func ParsePanicNote(p []byte) (n PanicNote) {
	if _, err := fmt.Sscanf(string(p), panicNoteFormat, &n.Log, &n.Starts); err != nil || n.Starts < 1 {
		return PanicNote{}
	}
	return n
}

// Again is the note after one more panic, over the log of that id.
func (n PanicNote) Again(id LogID) PanicNote {
	if n.Log != id {
		n = PanicNote{Log: id}
	}
	n.Starts++
	return n
}

func (n PanicNote) String() string { return fmt.Sprintf(panicNoteFormat, n.Log, n.Starts) }

// Working is the log that the store works on now; 0: none. It is what a panic is put down to.
func (s *Store) Working() LogID { return s.working }

// fencePanics begins the reason of a log that is set aside for its panics.
const fencePanics = "it made the server panic"

// Quarantined reports whether the log is not to be touched: it is fenced for panics.
func (l *LogState) Quarantined() bool { return strings.HasPrefix(l.Fence, fencePanics) }

// readPanics finds the log that is to be set aside.
func (r *recovery) readPanics() error {
	buf, fd, err := readFile(r.d, r.cfg.Memory, r.cfg.Dir+"/state/"+PanicNoteName, panicNoteMax)
	if err != nil || fd < 0 {
		return err
	}
	defer r.d.Close(fd)
	n := ParsePanicNote(buf)
	if len(buf) > 0 {
		r.cfg.Memory.Put(buf)
	}
	if n.Starts >= PanicsMax && !r.cfg.RetryPanics {
		r.suspect = n.Log
	}
	return nil
}

// removePanics forgets a note that has had its effect.
func (r *recovery) removePanics() error {
	if r.suspect == 0 && !r.cfg.RetryPanics {
		return nil
	}
	if err := r.d.Unlink(r.cfg.Dir + "/state/" + PanicNoteName); !notExist(err) {
		return err
	}
	return nil
}

// quarantined reports whether l is to be set aside, and lifts the fence of one that is to be tried again.
func (l *logRecovery) quarantined() bool {
	st := l.st
	switch {
	case l.r.cfg.RetryPanics && st.Quarantined():
		st.Fence = ""
	case st.ID == l.r.suspect && !st.Quarantined():
		st.Fence = fmt.Sprintf("%s in %d starts in a row; start once with --retry-fenced to try it again", fencePanics, PanicsMax)
		l.r.report("log fenced", st.ID, fmt.Errorf("%w: %s", ErrFenced, st.Fence))
	}
	return st.Quarantined()
}

// quarantine keeps everything there is of the log and reads none of it.
func (l *logRecovery) quarantine() error {
	if err := l.readSide(); err != nil {
		return err
	}
	d, dir := l.r.d, LogDir(l.r.cfg.Dir, l.st.ID)
	if err := d.Mkdir(dir); err != nil && !exists(err) {
		return err
	}
	if err := d.SyncDir(l.r.cfg.Dir + "/logs"); err != nil { // also when it was there: the run that made it may have ended before it had synced it
		return err
	}
	return l.setAside(l.st.clone())
}
