package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/server"
)

// ourData are the names of what a server makes beside it.
var ourData = []string{"journal", "logs", "state", "runtime"}

// removeData removes what a server made in dir, and nothing else. It refuses a directory that is not known to be ours, and
// one in use.
//
// The superblock is emptied before anything else and stays, so that
//  1. an interrupted removal leaves a directory that a start refuses, instead of one that has lost messages;
//  2. a server that waits for the lock at this moment gets it on the file that all others open.
func removeData(dir string, patience time.Duration, log *zap.Logger) error {
	there, others, err := lookAt(dir)
	switch {
	case err != nil:
		return fmt.Errorf("--fresh: %w", err)
	case len(there) == 0 && len(others) == 0:
		return nil
	case !slices.Contains(there, config.SuperblockName):
		return fmt.Errorf("--fresh: %s has no %s but has %s, so it is not known to be a data directory and nothing was removed: remove it yourself, or give another directory",
			dir, config.SuperblockName, list(append(there, others...)))
	}
	super, err := os.OpenFile(filepath.Join(dir, config.SuperblockName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("--fresh: %w", err)
	}
	defer super.Close()
	if err := lockFile(super, patience, log); err != nil {
		return fmt.Errorf("--fresh: data directory %s: %w, nothing was removed", dir, err)
	}
	if err := errors.Join(super.Truncate(0), super.Sync()); err != nil {
		return fmt.Errorf("--fresh: %w", err)
	}
	for _, name := range ourData {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("--fresh: %w", err)
		}
	}
	log.Warn("--fresh: the data in "+dir+" was removed", zap.String("event", "data_removed"), zap.String("data_dir", dir))
	if len(others) > 0 {
		log.Warn("--fresh: left alone, because no server of ours makes it: "+list(others), zap.String("event", "files_left"))
	}
	return nil
}

// lookAt lists what is in dir: names of ours, and others. What filesystems make is neither.
func lookAt(dir string) (ours, others []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == config.SuperblockName || slices.Contains(ourData, name):
			ours = append(ours, name)
		case name != "lost+found":
			others = append(others, name)
		}
	}
	return ours, others, err
}

const namesShown = 5

func list(names []string) string {
	if more := len(names) - namesShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namesShown], ", "), more)
	}
	return strings.Join(names, ", ")
}

var errInUse = errors.New("it is in use by another server")

// lockFile takes the lock that a server holds while it has the directory that f lies in.
func lockFile(f *os.File, patience time.Duration, log *zap.Logger) error {
	err := server.Lock(int32(f.Fd()), filepath.Dir(f.Name()), patience, func(pid int) {
		log.Warn("waiting for the data directory: its last server has ended, and the kernel has not ended what that asked for",
			zap.String("event", "data_directory_waits"), zap.Int("pid", pid))
	})
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errInUse
	}
	return err
}
