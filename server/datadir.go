package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
)

// dataDir is the directory with its lock: the superblock's file, open and locked for as long as an operation of this
// process may be in flight.
type dataDir struct {
	path      string
	fd        int32
	once      sync.Once
	recovered *storage.Recovered
}

// openDataDir makes the directory if need be and locks it.
func openDataDir(path string, log *zap.Logger) (*dataDir, error) {
	if err := makeDir(path); err != nil {
		return nil, dirError(err)
	}
	if err := refuseForeign(path); err != nil {
		return nil, err
	}
	file := path + "/" + storage.SuperblockName
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o640)
	if err != nil {
		return nil, dirError(fmt.Errorf("open %s: %w", file, err))
	}
	waits := func(pid int) {
		log.Warn("waiting for the data directory: its last server has ended, and the kernel has not ended what that asked for",
			zap.String("event", "data_directory_waits"), zap.Int("pid", pid))
	}
	if err := Lock(int32(fd), path, LockPatience, waits); err != nil {
		unix.Close(fd)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is in use by another server: stop it, or give another --data-dir", path)
		}
		return nil, fmt.Errorf("data directory: lock %s: %w", file, err)
	}
	if err := keepInPlace(path); err != nil {
		log.Warn("the filesystem copies what is overwritten: when it is full, nothing can be written", zap.String("event", "not_kept_in_place"), zap.Error(err))
	}
	if err := noteHolder(path); err != nil {
		log.Warn("the data directory does not say which process has it", zap.String("event", "holder_not_noted"), zap.Error(err))
	}
	return &dataDir{path: path, fd: int32(fd)}, nil
}

// dirError adds to why a data directory cannot be had what helps.
func dirError(err error) error {
	help := ""
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		help = ": run the server as the owner of that directory, or give another --data-dir"
	case errors.Is(err, syscall.ENOTDIR):
		help = ": a file is in the way; give another --data-dir"
	case errors.Is(err, syscall.EROFS):
		help = ": give a --data-dir on a filesystem that can be written"
	}
	return fmt.Errorf("data directory: %w%s", err, help)
}

// keepInPlace sees to it that what is overwritten in the directory, superblock, journals and state, needs no room: a full disk must not
// keep the server from starting, and from deleting.
func keepInPlace(path string) error {
	var all error
	for _, name := range []string{"journal", "state"} {
		if err := os.Mkdir(path+"/"+name, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		all = errors.Join(all, uring.KeepInPlace(path+"/"+name))
	}
	if st, err := os.Stat(path + "/" + storage.SuperblockName); err == nil && st.Size() == 0 {
		all = errors.Join(all, uring.KeepInPlace(path+"/"+storage.SuperblockName))
	}
	return all
}

// isDataDir reports whether path is the data directory of an earlier start.
func isDataDir(path string) bool {
	_, err := os.Stat(path + "/" + storage.SuperblockName)
	return err == nil
}

// refuseForeign refuses a directory that has something in it and no superblock: it is somebody else's, or the data of another server,
// or ours without the file that says how to read it. Nothing is made in it, so that it is known as foreign the next time as well.
func refuseForeign(path string) error {
	if _, err := os.Stat(path + "/" + storage.SuperblockName); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return dirError(err)
	}
	var has []string
	for _, e := range entries {
		if name := e.Name(); name != "lost+found" && name != ".snapshot" { // of filesystems
			has = append(has, name)
		}
	}
	if len(has) == 0 {
		return nil
	}
	if more := len(has) - foreignShown; more > 0 {
		has = append(has[:foreignShown], fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("data directory %s has %s but no %s: that is the data of another server, which cannot be read, or a directory for something else, or %s was removed; restore that file, or give an empty or a new directory",
		path, strings.Join(has, ", "), storage.SuperblockName, storage.SuperblockName)
}

const foreignShown = 4

// What the process needs beside connections and segments, with room to spare: journals, rings and pipes, and what a snapshot,
// a profile or an archive for an operator opens for a while.
const (
	ownDescriptors         = 32
	ownDescriptorsPerShard = 16
)

// filesMin is how many descriptors of segments a shard has, however low the limit is.
const filesMin = 8

// connectionsMin is how many connections there is room for at the least, or the start is refused: fewer serve nobody.
const connectionsMin = 16

// divideDescriptors divides what the process may open among connections and segments, so that sockets, which anybody may open
// without a login, leave every shard the descriptors it writes with. Connections get at most three quarters.
func (s *Server) divideDescriptors() error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		r.Cur = 1024 // what Linux gives unless told otherwise
	}
	limit := int(min(r.Cur, 1<<30))
	if least := ownDescriptorsFor(len(s.cfg.CPUs)) + len(s.cfg.CPUs)*filesMin + connectionsMin; limit < least {
		need, or := fmt.Sprintf("%d shards need", len(s.cfg.CPUs)), ", or take fewer shards"
		if len(s.cfg.CPUs) == 1 {
			need, or = "1 shard needs", ""
		}
		return fmt.Errorf("the process may open only %d files and connections, and %s at least %d: raise that limit (ulimit -n, LimitNOFILE)%s", limit, need, least, or)
	}
	d := descriptorsFor(limit, len(s.cfg.CPUs), s.cfg.ConnectionsMax, s.cfg.FilesMax)
	if d.connections < s.cfg.ConnectionsMax {
		s.lessThanAsked(s.cfg.ConnectionsMax != defaultConnectionsMax, fmt.Sprintf("at most %d connections are taken, and not connections_max = %d: the process may open only %d files and connections; raise that limit (ulimit -n, LimitNOFILE) to %d, or lower connections_max to %d",
			d.connections, s.cfg.ConnectionsMax, limit, s.cfg.ConnectionsMax+s.cfg.ConnectionsMax/3+ownDescriptorsFor(len(s.cfg.CPUs)), d.connections),
			zap.String("event", "connections_less"), zap.Int("taken", d.connections), zap.Int("connections_max", s.cfg.ConnectionsMax), zap.Int("limit", limit))
	}
	s.cfg.ConnectionsMax, s.cfg.FilesMax = d.connections, d.files
	return nil
}

// descriptors are how many connections a process takes, and how many descriptors of segments each of its shards keeps open.
type descriptors struct{ connections, files int }

// descriptorsFor divides limit. files other than 0 are given, and not up for division.
func descriptorsFor(limit, shards, connectionsMax, files int) descriptors {
	rest := limit - ownDescriptorsFor(shards)
	if files == 0 {
		files = max(filesMin, (rest-min(connectionsMax, rest/4*3))/shards)
	}
	return descriptors{connections: max(1, min(connectionsMax, rest-shards*files)), files: files}
}

func ownDescriptorsFor(shards int) int { return ownDescriptors + shards*ownDescriptorsPerShard }

// makeDir makes a directory and those above it that are missing, and makes their names stable: a power cut must not take
// the directory with all that was acknowledged in it.
func makeDir(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	d, err := os.Open(parent)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func (d *dataDir) close() { d.once.Do(func() { unix.Close(int(d.fd)) }) }

// bootAndMount name what the page cache belongs to: with another boot or mount, what was not synced is gone.
// Where nobody says which boot this is, each start is taken for the first after a power cut.
func (d *dataDir) bootAndMount(log *zap.Logger) (boot [16]byte, mount uint64, err error) {
	text, err := uring.BootID()
	if errors.Is(err, os.ErrNotExist) {
		log.Info("no /proc: this start is taken for the first after a power cut, as nothing tells that there was none", zap.String("event", "boot_unknown"))
		_, _ = rand.Read(boot[:]) // never fails
		mount, err = uring.MountID(d.path)
		return boot, mount, err
	}
	if err != nil {
		return boot, 0, err
	}
	p, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if err != nil || len(p) != len(boot) {
		return boot, 0, fmt.Errorf("boot id %q is not one", text)
	}
	copy(boot[:], p)
	mount, err = uring.MountID(d.path)
	return boot, mount, err
}

// distrust notes on disk that what the page cache holds may not be there: a sync failed.
func (d *dataDir) distrust() error {
	if d.recovered == nil {
		return nil
	}
	return d.recovered.Distrust(plainDisk{}, heapMemory{})
}

// notePanic writes down that the process ends by a panic over the log of that id; by plain system calls, for no shard can be
// relied on any more.
func (d *dataDir) notePanic(id storage.LogID, log *zap.Logger) {
	path := d.path + "/state/" + storage.PanicNoteName
	old, _ := os.ReadFile(path)
	note := storage.ParsePanicNote(old).Again(id)
	err := writeSynced(path, note.String())
	log.Error("panic while working on a partition's log", zap.String("event", "panic"), zap.Uint64("log", uint64(id)), zap.Int("starts", note.Starts),
		zap.Int("starts_max", storage.PanicsMax), zap.Error(err))
}

// forgetPanics is told of an orderly end: what came before it is no row any more.
func (d *dataDir) forgetPanics() { _ = os.Remove(d.path + "/state/" + storage.PanicNoteName) }

// writeSynced replaces the file by one that holds text.
func writeSynced(path, text string) error {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// plainDisk does by plain system calls what is done beside the shards, or when the process is about to end: no more than is here.
type plainDisk struct{ storage.Disk }

func (plainDisk) Write(fd int32, p []byte, pos int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(int(fd), p, pos)
		if err != nil {
			return err
		}
		p, pos = p[n:], pos+int64(n)
	}
	return nil
}

func (plainDisk) Read(fd int32, p []byte, pos int64) (int, error) {
	for done := 0; ; {
		n, err := unix.Pread(int(fd), p[done:], pos+int64(done))
		if done += n; err != nil || n == 0 || done == len(p) {
			return done, err
		}
	}
}

func (plainDisk) Open(path string, create, direct bool) (int32, error) {
	fd, err := unix.Open(path, int(uring.OpenFlags(create, direct))|unix.O_CLOEXEC, 0o640)
	return int32(fd), err
}

func (plainDisk) Close(fd int32) error                { return unix.Close(int(fd)) }
func (plainDisk) Unlink(path string) error            { return unix.Unlink(path) }
func (plainDisk) Truncate(fd int32, size int64) error { return unix.Ftruncate(int(fd), size) }

func (plainDisk) Allocate(fd int32, pos, n int64) error {
	return unix.Fallocate(int(fd), 0, pos, n)
}

func (plainDisk) Size(path string) (int64, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return st.Size, err
}

func (plainDisk) SyncDir(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fsync(fd), unix.Close(fd))
}

// heapMemory serves plain system calls, which take any memory.
type heapMemory struct{}

func (heapMemory) Get(n int) []byte { return make([]byte, n) }
func (heapMemory) Put([]byte)       {}

func (plainDisk) Sync(fd int32) error { return unix.Fdatasync(int(fd)) }
