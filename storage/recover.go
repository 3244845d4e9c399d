package storage

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// RecoverConfig is what recovery needs.
type RecoverConfig struct {
	Dir          string
	Shards       int
	JournalBytes int64 // size of each of the two files of a new journal
	JournalFixed bool  // files that have another size are made anew
	// GiveBack has the filesystem make free what was removed before. May be nil: removal and a sync of the directory are enough.
	GiveBack func() error
	// Copies: the filesystem may need space for what is overwritten in place. Then the reserve has room for groups of the journals.
	Copies bool
	// Free says how many bytes the filesystem has left. May be nil.
	Free    func() (int64, error)
	BootID  [16]byte
	MountID uint64
	Now     uint64   // microseconds, for the superblock of a new directory
	Secret  [24]byte // random: node id and seed of a new directory
	Memory  Memory
	// FileMemory is for files that are read whole, each with a bound of its own: the state file, the snapshot of the metadata, what is
	// kept of a fenced log. nil: Memory.
	FileMemory Memory
	// KeepBytes is how much of the journals may stay in Memory so that it is not read twice.
	KeepBytes int64
	// Metadata turns a snapshot (nil: none) and the commands behind it into the live logs with their levels, the
	// retired ones, and a snapshot of everything with the index of its last command.
	Metadata func(snapshot []byte, commands []MetaCommand) (MetaState, error)
	Report   func(event string, id LogID, err error)
	// RetryPanics lifts the fences of logs that were set aside because they made the server panic.
	RetryPanics bool
	// ChooseWay says how the journals of the run are written, given how those of the last one were. May be nil.
	ChooseWay func(journals [][2]JournalFile, last KeptWay) (KeptWay, error)
	// AcceptLoss goes on without journals that the last run had and that are not there.
	AcceptLoss bool
	// Working is the log being recovered, for who catches a panic. May be nil.
	Working *LogID
}

// MetaCommand is a journaled metadata command.
type MetaCommand struct {
	Index uint64
	Bytes []byte
}

// MetaState is what recovery needs to know of the metadata.
type MetaState struct {
	Index    uint64
	Snapshot []byte
	Live     map[LogID]Level
	Retired  []LogID
}

// Recovered is a data directory ready to serve.
type Recovered struct {
	Fresh      bool // the directory was empty
	Clean      bool // the last run ended in order
	FirstGroup uint64
	Seed       uint64
	Journals   [][2]JournalFile
	Meta       MetaState
	Logs       []*LogState // in order of id, live ones
	Groups     int         // journal groups replayed
	Retired    []LogID     // logs whose files are to be removed, by Drop of any store, if they are still there
	// Late makes metadata commands stable in a run whose journals are not: see LateLog. The owner of the directory sets it; nil in any other run.
	Late       func(index uint64, commands [][]byte) error
	Reserve    Reserve // to be given up when a journal is refused for want of space
	HighestLog LogID   // of those that have a directory; above what the metadata knows, if a command was lost

	cfg   RecoverConfig
	super superblock
	fd    int32
}

type recovery struct {
	cfg     RecoverConfig
	d       Disk
	watch   *syncWatch // d
	memory  Memory     // cfg.Memory gives up what is kept of the journals before it runs out of this
	super   superblock
	fd      int32
	fresh   bool
	power   bool // what was not synced may be gone
	rewrite bool // a sync failed: what reads back right may not be on disk
	journal journalScan
	logs    map[LogID]*LogState
	before  map[LogID]*LogState // logs that were set aside, as they were
	sides   []LogID             // logs with a side file of the run that is retired
	retired uint64              // its first group number
	next    uint64              // and that of the run to begin
	reserve Reserve
	late    bool  // commands of a server that had no room to start in order were read
	suspect LogID // ended too many starts: to be set aside
	out     *Recovered
}

// Recover reads the directory whose superblock is open as fd (and locked), puts back what only the journals hold, cuts
// what was never acknowledged, and starts a new run. It changes nothing that a second recovery would need until the
// superblock names the new run, so that it may be interrupted at any step.
func Recover(d Disk, fd int32, cfg RecoverConfig) (*Recovered, error) {
	watch := &syncWatch{Disk: d}
	r := &recovery{cfg: cfg, d: watch, watch: watch, fd: fd, logs: map[LogID]*LogState{}, before: map[LogID]*LogState{}}
	if r.memory = cfg.Memory; cfg.FileMemory == nil {
		r.cfg.FileMemory = &givingMemory{r}
	}
	r.cfg.Memory = &givingMemory{r}
	r.reserve = Reserve{Dir: cfg.Dir, Bytes: reserveBytes, GiveBack: cfg.GiveBack}
	steps := []struct {
		name string
		do   func() error
	}{
		{"superblock", r.readSuper}, {"directories", r.makeDirs}, {"reserve", r.freeReserve}, {"journal files", r.removeHalfMade}, {"panics", r.readPanics}, {"journals", r.readJournals}, {"state", r.readState},
		{"metadata", r.readMetadata}, {"logs", r.recoverLogs}, {"state file", r.writeState},
		{"superblock", r.writeSuper}, {"leftovers", r.cleanUp}, {"panics", r.removePanics}, {"journal files", r.openJournals}, {"superblock", r.nameJournals}, {"late commands", r.makeLate}, {"reserve", r.makeReserve},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			_ = r.distrust()                                // the error to tell is the first one
			if FullDisk(err) && s.name != "journal files" { // these say what they need
				_, _ = r.reserve.Make(r.d, r.cfg.Memory) // what there is of it: nobody else is to have it before the next start
				err = &NoRoomError{Bytes: (r.reserve.Bytes>>20 + 1) << 20, Data: r.super.state != 0, err: err}
			}
			return nil, fmt.Errorf("recover %s: %s: %w", cfg.Dir, s.name, err)
		}
	}
	return r.out, nil
}

// NoRoomError ends a recovery that the filesystem has no room for.
type NoRoomError struct {
	Bytes int64 // that a start needs, about
	Data  bool  // the directory is one that a server has served before
	err   error
}

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("%v: a start needs about %d MiB: free that much on the filesystem of the data directory", e.err, e.Bytes>>20)
}

func (e *NoRoomError) Unwrap() error { return e.err }

// distrust notes on disk, if a sync has failed, that what the page cache holds may not be there: the next recovery may be one that
// knows nothing of it, because this one is killed.
func (r *recovery) distrust() error {
	if !r.watch.failed || r.super.sequence == 0 {
		return nil
	}
	r.super.boot = [16]byte{}
	return writeSuperblock(r.watch.Disk, r.cfg.Memory, r.fd, &r.super)
}

// syncWatch remembers that a sync failed: the next one would succeed, and what is in the page cache is not on disk.
type syncWatch struct {
	Disk
	failed bool
}

func (w *syncWatch) Sync(fd int32) error {
	err := w.Disk.Sync(fd)
	w.failed = w.failed || err != nil
	return err
}

func (w *syncWatch) SyncDir(path string) error {
	err := w.Disk.SyncDir(path)
	w.failed = w.failed || err != nil
	return err
}

func (r *recovery) report(event string, id LogID, err error) {
	if r.cfg.Report != nil {
		r.cfg.Report(event, id, err)
	}
}

func (r *recovery) readSuper() error {
	buf := r.cfg.Memory.Get(2 * BlockSize)
	if buf == nil {
		return ErrNoMemory
	}
	defer r.cfg.Memory.Put(buf)
	n, err := r.d.Read(r.fd, buf, 0)
	if err != nil {
		return err
	}
	r.super, r.fresh, err = readSuperblock(buf[:n])
	if errors.Is(err, ErrNewer) {
		return fmt.Errorf("%w: start the server that wrote it, or a newer one", err)
	}
	if err != nil {
		return fmt.Errorf("%w; both copies in %s are unusable: restore the file from a backup", err, SuperblockName)
	}
	if r.super.cluster != [16]byte{} {
		return fmt.Errorf("%w: the data directory is that of a node of a cluster", ErrNewer)
	}
	if r.fresh {
		if logs, err := r.d.List(r.cfg.Dir + "/logs"); err == nil && len(logs) > 0 {
			return fmt.Errorf("%w: %s is empty although %s/logs is not", ErrDamaged, SuperblockName, r.cfg.Dir)
		}
		s := &r.super
		copy(s.node[:], r.cfg.Secret[:16])
		for i, b := range r.cfg.Secret[16:] {
			s.seed |= uint64(b) << (8 * i)
		}
		s.first, s.created = 1, r.cfg.Now
	}
	r.power = r.super.boot != r.cfg.BootID || r.super.mount != r.cfg.MountID
	r.rewrite = r.super.boot == [16]byte{}
	return nil
}

func (r *recovery) makeDirs() error {
	for _, dir := range []string{"/journal", "/logs", "/state", "/runtime"} {
		if err := r.d.Mkdir(r.cfg.Dir + dir); err != nil && !exists(err) {
			return err
		}
	}
	return r.d.SyncDir(r.cfg.Dir)
}

func (r *recovery) readJournals() error {
	r.journal = journalScan{r: r, shards: map[int]*shardGroups{}, holes: map[int]uint64{}, torn: map[uint32]uint64{}}
	return r.journal.read()
}

func (r *recovery) statePath(n uint64) string {
	return fmt.Sprintf("%s/state/%016x.state", r.cfg.Dir, n)
}

const stateBytesMax = 1 << 30

const stateRemedy = "it says where every log stands; restore the data directory from a backup"

// readState loads the state file that the superblock names.
func (r *recovery) readState() error {
	r.out = &Recovered{Fresh: r.fresh, cfg: r.cfg, fd: r.fd, Seed: r.super.seed}
	if r.super.state == 0 {
		return nil
	}
	path := r.statePath(r.super.state)
	buf, fd, err := readFile(r.d, r.cfg.FileMemory, path, stateBytesMax)
	if err == nil && buf == nil {
		err = fmt.Errorf("%w: %s is missing: %s", ErrDamaged, path, stateRemedy)
	}
	if err != nil {
		return err
	}
	defer r.d.Close(fd)
	if len(buf) > 0 {
		defer r.cfg.FileMemory.Put(buf)
	}
	_, meta, logs, err := decodeState(buf)
	if errors.Is(err, ErrNewer) {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("%w; %s is unusable: %s", err, path, stateRemedy)
	}
	r.out.Meta.Snapshot = append([]byte(nil), meta...)
	for _, l := range logs {
		r.logs[l.ID] = l
	}
	return nil
}

// readMetadata applies the journaled commands to the newest snapshot.
func (r *recovery) readMetadata() error {
	snapshot, err := r.newestSnapshot(r.out.Meta.Snapshot)
	if err != nil {
		return err
	}
	cmds, err := r.journal.metaCommands()
	if err == nil {
		cmds, err = r.readLate(cmds)
	}
	if err != nil {
		return err
	}
	if r.journal.lost {
		if cmds, err = r.unbroken(snapshot, cmds); err != nil {
			return err
		}
	}
	st, err := r.cfg.Metadata(snapshot, cmds)
	if err != nil {
		return err
	}
	if last := r.journal.metaIndex(); st.Index < last && !r.journal.lost { // older metadata would give out numbers again that are in use
		return fmt.Errorf("%w: metadata commands %d to %d are missing: restore the data directory from a backup", ErrDamaged, st.Index+1, last)
	}
	r.out.Meta = st
	for id := range r.logs {
		if _, ok := st.Live[id]; !ok {
			delete(r.logs, id)
		}
	}
	for id := range st.Live {
		if r.logs[id] == nil {
			r.logs[id] = &LogState{ID: id}
		}
	}
	return nil
}

// unbroken returns the commands that follow the snapshot one after the other: those behind one that is lost mean nothing.
func (r *recovery) unbroken(snapshot []byte, cmds []MetaCommand) ([]MetaCommand, error) {
	st, err := r.cfg.Metadata(snapshot, nil)
	if err != nil {
		return nil, err
	}
	want := st.Index + 1
	for i, c := range cmds {
		if c.Index > want {
			r.report("metadata commands are lost", 0, fmt.Errorf("%w: commands from %d on; %d are the last ones that can be used", ErrDamaged, want, i))
			return cmds[:i], nil
		}
		want = max(want, c.Index+1)
	}
	return cmds, nil
}

// SnapshotName is the metadata snapshot a running server writes between two state files.
const SnapshotName = "metadata.snapshot"

func (r *recovery) newestSnapshot(fromState []byte) ([]byte, error) {
	buf, fd, err := readFile(r.d, r.cfg.FileMemory, r.cfg.Dir+"/state/"+SnapshotName, stateBytesMax)
	if err != nil || buf == nil {
		return fromState, err
	}
	defer r.d.Close(fd)
	if len(buf) > 0 {
		defer r.cfg.FileMemory.Put(buf)
	}
	a, err := r.cfg.Metadata(append([]byte(nil), buf...), nil)
	if err != nil {
		r.report("metadata snapshot unusable", 0, err)
		return fromState, nil
	}
	b := MetaState{}
	if fromState != nil {
		if b, err = r.cfg.Metadata(fromState, nil); err != nil {
			return nil, err
		}
	}
	if a.Index >= b.Index {
		return a.Snapshot, nil
	}
	return fromState, nil
}

func (r *recovery) ids() []LogID {
	ids := make([]LogID, 0, len(r.logs))
	for id := range r.logs {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	return ids
}

// recoverLogs puts back, cuts and syncs every live log.
func (r *recovery) recoverLogs() error {
	r.retired, r.next = r.super.first, max(r.journal.highest, r.super.first)+1
	if r.fresh && r.journal.highest == 0 {
		r.next = 1
	}
	entries, err := r.journal.byLog()
	if err != nil {
		return err
	}
	dirs, err := r.d.List(r.cfg.Dir + "/logs")
	if err != nil {
		return err
	}
	onDisk := make(map[string]bool, len(dirs))
	for _, n := range dirs {
		onDisk[n] = true
		if id, err := strconv.ParseUint(n, 16, 48); err == nil && len(n) == 16 {
			r.out.HighestLog = max(r.out.HighestLog, LogID(id))
		}
	}
	for _, id := range r.ids() {
		if id != r.suspect && !onDisk[fmt.Sprintf("%016x", uint64(id))] && entries[id] == nil && len(r.logs[id].Segments) == 0 && len(r.journal.holes) == 0 {
			r.out.Logs = append(r.out.Logs, r.logs[id])
			continue
		}
		lr := r.logRecovery(id, entries[id])
		r.working(id)
		if err := lr.run(); err != nil {
			return fmt.Errorf("log %d: %w", id, err)
		}
		r.working(0)
		delete(entries, id)
		r.out.Logs = append(r.out.Logs, lr.st)
	}
	return nil
}

func (r *recovery) working(id LogID) {
	if r.cfg.Working != nil {
		*r.cfg.Working = id
	}
}

func (r *recovery) writeState() error {
	r.out.FirstGroup = r.next
	logs := append([]*LogState(nil), r.out.Logs...)
	for i, l := range logs {
		if b := r.before[l.ID]; b != nil {
			logs[i] = b
		}
	}
	p := appendState(nil, r.next, r.out.Meta.Snapshot, logs)
	r.reserve.Bytes += int64(alignUp(Pos(len(p)))) // the next one is as large
	return writeFile(r.d, r.cfg.Memory, r.cfg.Dir+"/state", fmt.Sprintf("%016x.state", r.next), p)
}

// writeSuper makes the new run the one that counts, which retires every journal read.
func (r *recovery) writeSuper() error {
	s := &r.super
	s.first, s.state = r.out.FirstGroup, r.out.FirstGroup
	s.boot, s.mount = r.cfg.BootID, r.cfg.MountID
	s.bootNumber++
	s.flags &^= superJournalsMade // not before all of them are
	s.markCount, s.marks = 0, [cleanMarksMax]cleanMark{}
	if err := writeSuperblock(r.d, r.cfg.Memory, r.fd, s); err != nil {
		return err
	}
	r.out.super = *s
	return r.d.SyncDir(r.cfg.Dir)
}

// writeSuperblock writes both copies, one after the other: damage to either does not bring an older one back.
func writeSuperblock(d Disk, mem Memory, fd int32, s *superblock) error {
	buf := mem.Get(BlockSize)
	if buf == nil {
		return ErrNoMemory
	}
	defer mem.Put(buf)
	for range 2 {
		s.sequence++
		s.put(buf)
		if err := d.Write(fd, buf, int64(s.sequence%2)*BlockSize); err != nil {
			return err
		}
		if err := d.Sync(fd); err != nil {
			return err
		}
	}
	return nil
}

// Distrust records that what the page cache holds may not be on disk although no power was lost: after a failed sync.
func (o *Recovered) Distrust(d Disk, mem Memory) error {
	o.super.boot = [16]byte{}
	return writeSuperblock(d, mem, o.fd, &o.super)
}

// KeptWay is the way of the journal that a directory keeps from start to start, and in how many starts in a row the other way was
// clearly faster.
type KeptWay struct {
	Way  JournalWay
	Lost uint8
}

// NoteEnd records where the last group of every shard lies, when all have ended in order: the next start reads these groups and no
// more of the journals. More shards than the superblock has room for are read whole.
func (o *Recovered) NoteEnd(d Disk, mem Memory, marks []EndMark) error {
	s := &o.super
	if len(marks) != int(s.shards) || len(marks) > cleanMarksMax {
		return nil
	}
	for i, m := range marks {
		s.marks[i] = m.mark
	}
	s.markCount = uint32(len(marks))
	return writeSuperblock(d, mem, o.fd, s)
}

// NodeID is the directory's random name.
func (o *Recovered) NodeID() [16]byte { return o.super.node }

// cleanUp removes what the new run does not need: older state files, journals of shards that are no more. Files of retired logs go while the
// server serves.
func (r *recovery) cleanUp() error {
	r.out.Clean, r.out.Groups = r.journal.clean, r.journal.count
	r.journal.close()
	for _, id := range r.sides {
		if err := r.d.Unlink(sidePath(r.cfg.Dir, id, r.retired)); err != nil {
			return err
		}
	}
	r.out.Retired = r.out.Meta.Retired
	names, err := r.d.List(r.cfg.Dir + "/state")
	if err != nil {
		return err
	}
	keep := fmt.Sprintf("%016x.state", r.out.FirstGroup)
	for _, n := range names {
		if n != keep && (n == SnapshotName || strings.HasSuffix(n, ".state") || strings.HasSuffix(n, ".tmp")) {
			if err := r.d.Unlink(r.cfg.Dir + "/state/" + n); err != nil {
				return err
			}
		}
	}
	files, err := r.d.List(r.cfg.Dir + "/journal")
	if err != nil {
		return err
	}
	for _, name := range files {
		var shard, k int
		_, err := fmt.Sscanf(name, "shard-%04d-%d.journal", &shard, &k)
		if err == nil && shard >= r.cfg.Shards || strings.HasSuffix(name, tableSuffix) {
			if err := r.d.Unlink(r.cfg.Dir + "/journal/" + name); err != nil {
				return err
			}
		}
	}
	return nil
}
