package main

import (
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/auth"
	"github.com/galgo-mq/galgo/shard"
)

const hashWorkerName = "hash-worker"

// hashWorkerCommand is the process that hashes passwords; the server starts it and talks to it by its standard streams.
func hashWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    hashWorkerName,
		Short:  "Hash passwords for a server (started by it)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   failing(func(*cobra.Command, []string) error { return auth.ServeWorker(os.Stdin, os.Stdout) }),
	}
}

// hasher makes auth's Guard what shards ask for.
type hasher struct {
	*auth.Guard
	hashes *auth.Hasher
}

func newHasher(timeout time.Duration, log *zap.Logger) hasher {
	h := auth.NewHasher(auth.Config{Command: []string{self(), hashWorkerName}, Timeout: timeout, Log: log})
	return hasher{auth.NewGuard(h), h}
}

func (h hasher) Verify(a shard.Attempt, done func(ok bool)) error {
	return h.Guard.Verify(a.Account, a.Address, a.PHC, a.Password, done)
}

// self is this binary: by the kernel's link where there is one, because that is still this build when another has been
// installed in its place.
func self() string {
	const link = "/proc/self/exe"
	if _, err := os.Stat(link); err == nil {
		return link
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	if path, err := exec.LookPath(os.Args[0]); err == nil { // there is no /proc
		return path
	}
	return link
}
