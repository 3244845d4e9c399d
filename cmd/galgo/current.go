package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/storage"
)

// writeCurrent writes <data>/runtime/current_config.toml, in one piece: whoever sees it may connect. It has no secrets.
func writeCurrent(c *config.Config) error {
	text, err := c.TOML(config.Process{PID: os.Getpid(), Version: server.Version})
	if err != nil {
		return fmt.Errorf("current_config.toml: %w", err)
	}
	dir := filepath.Join(c.DataDir, "runtime")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("current_config.toml: %w", err)
	}
	path := filepath.Join(dir, "current_config.toml")
	err = os.WriteFile(path+".new", text, 0o640)
	if err == nil {
		return os.Rename(path+".new", path)
	}
	_ = os.Remove(path + ".new")
	if storage.FullDisk(err) {
		err = overwrite(path, text)
	}
	if err != nil {
		return fmt.Errorf("current_config.toml: %w", err)
	}
	return nil
}

// overwrite has the file of an earlier start say something else, in the blocks that it has, when there is no room for another one.
func overwrite(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(text, 0); err == nil {
		err = f.Truncate(int64(len(text)))
	}
	return errors.Join(err, f.Close())
}
