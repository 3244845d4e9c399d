package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/server"
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
	if err := os.WriteFile(path+".new", text, 0o640); err != nil {
		return fmt.Errorf("current_config.toml: %w", err)
	}
	return os.Rename(path+".new", path)
}
