package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewPassword reads the first line of what is no terminal, and no more of it than a password may be long.
func TestNewPassword(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		got, err := newPassword(in, io.Discard, "somebody", false)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q gives %q, %v, want %q", text, got, err, want)
		}
	}
	f("secret\n", "secret")
	f("secret", "secret")
	f("secret\r\nmore\n", "secret")
	f(strings.Repeat("x", 100)+"\n", strings.Repeat("x", 100))
	f(strings.Repeat("x", 101), "")
	f("ab\n", "")
	f("", "")
	f("\nsecret", "")
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	if got, err := newPassword(zero, io.Discard, "somebody", false); err == nil {
		t.Errorf("a device that never ends gives %q", got)
	}
	made, err := newPassword(zero, io.Discard, "somebody", true)
	other, _ := newPassword(zero, io.Discard, "somebody", true)
	if err != nil || len(made) < 20 || made == other {
		t.Errorf("made up: %q and %q, %v", made, other, err)
	}
}

// TestResetPasswordTakesNoPasswordOnTheCommandLine: it would be seen by others.
func TestResetPasswordTakesNoPasswordOnTheCommandLine(t *testing.T) {
	c := resetPasswordCommand()
	if c.Flags().Lookup("password") != nil {
		t.Error("there is a flag for the password")
	}
	for _, args := range [][]string{{"iggy"}, {"iggy", "--data-dir", t.TempDir()}, {"iggy", "secret", "--data-dir", t.TempDir()}, {"--data-dir", t.TempDir()}} {
		c := resetPasswordCommand()
		c.SetArgs(args)
		c.SilenceErrors, c.SilenceUsage = true, true
		if err := c.Execute(); err == nil || codeOf(err) != exitUsage {
			t.Errorf("%q: %v, want exit code %d", args, err, exitUsage)
		}
	}
}
