package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/galgo-mq/galgo/auth"
	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/shard"
)

// Exit codes of galgo user reset-password, beside exitFailed and exitUsage.
const (
	exitInUse    = 3 // a server has the data directory
	exitNoUser   = 4
	exitNotOwner = 5
)

// userCommand is what an operator can do to users that the protocol cannot.
func userCommand() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Change users in ways that the protocol cannot"}
	c.AddCommand(resetPasswordCommand())
	return c
}

// resetTimeout bounds the end of the run that resets a password; recovery before it takes what it takes.
const resetTimeout = time.Minute

func resetPasswordCommand() *cobra.Command {
	var dir string
	var generate bool
	c := &cobra.Command{
		Use:   "reset-password NAME",
		Short: "Give a user whose password is lost another one, while no server runs",
		Long: "Give a user of a data directory another password, while no server runs on it. The user is active then, and the user's tokens are gone, as\n" +
			"nobody knows who has them. The new password is asked for, or read from standard input if that is no terminal; --generate makes one up\n" +
			"and prints it once. Only the owner of the data directory may do this, and root.\n\n" +
			"Exit codes: 0 done; 1 failed; 2 the command line or the password is wrong; 3 a server runs on the data directory; 4 there is no such user;\n" +
			"5 the data directory is somebody else's. With any but 0 the password is as it was, unless the last line says otherwise.",
		Args: exactly("the user's NAME"),
	}
	c.Flags().StringVar(&dir, "data-dir", "", "`path` of the data directory")
	c.Flags().BoolVar(&generate, "generate", false, "make a password up and print it")
	c.RunE = failing(func(c *cobra.Command, args []string) error {
		if dir == "" {
			return exit{exitUsage, errors.New("--data-dir: say where the data directory lies")}
		}
		if err := takeDir(dir); err != nil {
			return err
		}
		password, err := newPassword(os.Stdin, os.Stderr, args[0], generate)
		if err != nil {
			return exit{exitUsage, err}
		}
		return resetPassword(c, dir, args[0], password, generate)
	})
	return c
}

// takeDir sees to it that the directory is one of ours and the caller's, and that no server has it. Root goes on as the owner, so that
// what is written is the owner's as well.
func takeDir(dir string) error {
	path := filepath.Join(dir, config.SuperblockName)
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return exit{exitUsage, fmt.Errorf("%s is no data directory: it has no %s", dir, config.SuperblockName)}
	}
	if errors.Is(err, os.ErrPermission) {
		return exit{exitNotOwner, fmt.Errorf("%s is not for this user to look into: run it as the owner of %s, or as root", path, dir)}
	}
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	switch me := os.Geteuid(); {
	case me == int(owner.Uid):
	case me != 0:
		return exit{exitNotOwner, fmt.Errorf("%s belongs to user %d, and this is user %d: run it as the owner, or as root", path, owner.Uid, me)}
	default:
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(int(owner.Gid)), syscall.Setuid(int(owner.Uid))); err != nil {
			return fmt.Errorf("go on as user %d, who owns %s: %w", owner.Uid, path, err)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close() // the run takes the lock again
	if err := lockFile(f, server.LockPatience, quietLog()); errors.Is(err, errInUse) {
		return exit{exitInUse, fmt.Errorf("a server runs on %s: end it first; while it runs, its users change passwords", dir)}
	} else if err != nil {
		return err
	}
	return nil
}

func resetPassword(c *cobra.Command, dir, name, password string, generated bool) error {
	hashes := auth.NewHasher(auth.Config{})
	defer hashes.Close()
	cfg := server.Config{Config: shard.Config{DataDir: dir, ConnectionsMax: 1}, IO: "auto", CPUs: make([]int, shardsOf(dir)), Log: quietLog()}
	ctx, cancel := context.WithTimeout(c.Context(), resetTimeout)
	defer cancel()
	err := server.ResetPassword(ctx, cfg, name, func() (string, error) {
		if generated { // before it counts: one that cannot be shown must not
			if _, err := fmt.Fprintf(c.OutOrStdout(), "%s\n", password); err != nil {
				return "", fmt.Errorf("show the password: %w", err)
			}
		}
		return hashes.Hash([]byte(password))
	})
	switch {
	case errors.Is(err, server.ErrNoUser):
		return exit{exitNoUser, fmt.Errorf("there is no user %q in %s", name, dir)}
	case err != nil:
		return fmt.Errorf("reset the password of %q: %w", name, err)
	}
	_, err = fmt.Fprintf(os.Stderr, "%s has a new password and is active; tokens of this user are gone\n", name)
	return err
}

// shardsOf is how many shards the last run had: what lies in their journals need not move then.
func shardsOf(dir string) int {
	names, _ := filepath.Glob(filepath.Join(dir, "journal", "shard-*-0.journal"))
	return max(1, len(names))
}

// quietLog says what went wrong, and nothing else.
func quietLog() *zap.Logger {
	encoder := zap.NewDevelopmentEncoderConfig()
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), zapcore.Lock(os.Stderr), zap.WarnLevel))
}
