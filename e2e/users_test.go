package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

var smallBroker = []string{"--shards", "2", "--memory", "128MiB", "--journal-size", "8MiB"}

// as is a client that is logged in as somebody.
func (s *server) as(name, password string) *client.Client {
	s.t.Helper()
	c, err := client.Dial(s.t.Context(), s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := c.Login(s.t.Context(), name, password); err != nil {
		s.t.Fatalf("login of %s: %v", name, err)
	}
	return c
}

// loginFails tries to log in.
func (s *server) logsIn(login func(c *client.Client) (wire.LoginReply, error)) error {
	s.t.Helper()
	c, err := client.Dial(s.t.Context(), s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_, err = login(c)
	return err
}

// TestTheLastManagerCannotBeLockedOut: root may be switched off as long as somebody else can undo it, and the last who may manage users
// keeps that, also against itself, and after a restart.
func TestTheLastManagerCannotBeLockedOut(t *testing.T) {
	s := start(t, options{args: smallBroker})
	ctx, root := t.Context(), s.dial()
	off := func(c *client.Client, name string) error {
		return c.UpdateUser(ctx, wire.UpdateUser{User: wire.Named(name), HasStatus: true, Status: wire.UserInactive})
	}
	wants := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("%s: %v, want %v", what, err, want)
		}
	}
	wants("root switches itself off", off(root, "iggy"), wire.StatusInvalidUserStatus)
	manager := &wire.Permissions{Global: 1 << 2}
	_, err := root.CreateUser(ctx, "hrm", "hrpass", manager)
	wants("make a second manager", err, nil)
	hrm := s.as("hrm", "hrpass")
	wants("the second switches root off", off(hrm, "iggy"), nil)
	wants("root logs in", s.logsIn(func(c *client.Client) (wire.LoginReply, error) { return c.Login(ctx, "iggy", "iggy") }), wire.StatusInvalidCredentials)
	_, err = root.GetStreams(ctx)
	wants("root's session of before", err, wire.StatusUnauthenticated)
	wants("the last one switches itself off", off(hrm, "hrm"), wire.StatusInvalidUserStatus)
	wants("deletes itself", hrm.DeleteUser(ctx, wire.Named("hrm")), wire.StatusCannotDeleteUser)
	wants("gives its right up", hrm.UpdatePermissions(ctx, wire.Named("hrm"), nil), wire.StatusCannotChangePermissions)
	s.Kill()
	s = start(t, options{dir: s.Dir, args: smallBroker})
	hrm = s.as("hrm", "hrpass")
	wants("switch root on again", hrm.UpdateUser(ctx, wire.UpdateUser{User: wire.Named("iggy"), HasStatus: true, Status: wire.UserActive}), nil)
	root = s.dial()
	wants("delete the second manager", root.DeleteUser(ctx, wire.Named("hrm")), nil)
}

// TestAChangedPasswordEndsSessions: all but the one that changes it, within a second; tokens stay unless they are asked to go.
func TestAChangedPasswordEndsSessions(t *testing.T) {
	s := start(t, options{args: smallBroker})
	ctx, root := t.Context(), s.dial()
	_, err := root.CreateUser(ctx, "bob", "stolen", &wire.Permissions{Global: 1<<10 - 1})
	if err != nil {
		t.Fatal(err)
	}
	works := func(what string, c *client.Client, want error) {
		t.Helper()
		if _, err := c.GetStreams(ctx); !errors.Is(err, want) {
			t.Fatalf("%s: %v, want %v", what, err, want)
		}
	}
	thieves := []*client.Client{s.as("bob", "stolen"), s.as("bob", "stolen"), s.as("bob", "stolen")}
	back, err := thieves[0].CreateToken(ctx, "back-door", 0)
	if err != nil {
		t.Fatal(err)
	}
	byToken := func(c *client.Client) (wire.LoginReply, error) { return c.LoginWithToken(ctx, back) }
	bob := s.as("bob", "stolen")
	if err := bob.ChangePassword(ctx, wire.Named("bob"), "stolen", "renewed"); err != nil {
		t.Fatal(err)
	}
	works("the session that changed it", bob, nil)
	for _, c := range thieves {
		works("another session of the user", c, wire.StatusUnauthenticated)
	}
	works("another user's session", root, nil)
	if err := s.logsIn(byToken); err != nil {
		t.Fatalf("a token, which was not asked to go: %v", err)
	}
	within(t, time.Second, "bob is seen once", func() bool {
		clients, err := root.Clients(ctx)
		n := 0
		for _, c := range clients {
			if c.UserID == 1 {
				n++
			}
		}
		return err == nil && n == 1
	})

	// somebody else changes it, and the tokens go
	if err := root.ChangePasswordAndTokens(ctx, wire.Named("bob"), "renewed", "again"); err != nil {
		t.Fatal(err)
	}
	works("bob, whose password root has changed", bob, wire.StatusUnauthenticated)
	works("root's session", root, nil)
	if err := s.logsIn(byToken); !errors.Is(err, wire.StatusInvalidPersonalAccessToken) {
		t.Fatalf("a token that went: %v", err)
	}
	bob = s.as("bob", "again")
	if err := root.UpdateUser(ctx, wire.UpdateUser{User: wire.Named("bob"), HasStatus: true, Status: wire.UserInactive}); err != nil {
		t.Fatal(err)
	}
	works("bob, who was switched off", bob, wire.StatusUnauthenticated)
	if err := root.UpdateUser(ctx, wire.UpdateUser{User: wire.Named("bob"), HasStatus: true, Status: wire.UserActive}); err != nil {
		t.Fatal(err)
	}
	works("bob's old session, switched on again", bob, wire.StatusUnauthenticated)
	bob = s.as("bob", "again")
	if err := root.DeleteUser(ctx, wire.Named("bob")); err != nil {
		t.Fatal(err)
	}
	works("bob, who was deleted", bob, wire.StatusUnauthenticated)
}

// within waits until ok holds, at most for d beside what a busy machine takes.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d + patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", d, what)
		}
	}
}

// resetPassword runs galgo user reset-password.
func resetPassword(t *testing.T, dir, name, stdin string, more ...string) (code int, out, errs string) {
	t.Helper()
	cmd := exec.Command(binary(t, "invariants"), append([]string{"user", "reset-password", name, "--data-dir", dir}, more...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// TestALostPasswordIsReset: offline, for the owner of the data directory, while no server runs; tokens go, the user is on again, and
// all else is as it was.
func TestALostPasswordIsReset(t *testing.T) {
	s := start(t, options{args: smallBroker})
	ctx, root := t.Context(), s.dial()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := root.CreateStream(ctx, "kept")
	must(err)
	_, err = root.CreateTopic(ctx, wire.Named("kept"), "t", 3)
	must(err)
	_, err = root.Send(ctx, wire.Named("kept"), wire.Named("t"), 1, oneMessage(t))
	must(err)
	_, err = root.CreateUser(ctx, "hrm", "hrpass", &wire.Permissions{Global: 1 << 2})
	must(err)
	token, err := root.CreateToken(ctx, "ci", 0)
	must(err)
	must(s.as("hrm", "hrpass").UpdateUser(ctx, wire.UpdateUser{User: wire.Named("iggy"), HasStatus: true, Status: wire.UserInactive}))

	f := func(want int, name, stdin string, more ...string) string {
		t.Helper()
		code, out, errs := resetPassword(t, s.Dir, name, stdin, more...)
		if code != want {
			t.Fatalf("exit code %d, want %d: %s", code, want, errs)
		}
		return out
	}
	f(3, "iggy", "changed\n") // a server runs
	s.Kill()
	f(4, "nobody", "changed\n")
	f(2, "iggy", "no\n")
	f(2, "iggy", "")
	f(2, "iggy", strings.Repeat("x", 101))
	if code, _, errs := resetPassword(t, t.TempDir(), "iggy", "changed\n"); code != 2 {
		t.Errorf("a directory that is none of ours: exit code %d, %s", code, errs)
	}
	if out := f(0, "iggy", "changed\n"); out != "" {
		t.Errorf("a password that was given is shown: %q", out)
	}
	s = start(t, options{dir: s.Dir, args: smallBroker})
	for what, login := range map[string]func(c *client.Client) (wire.LoginReply, error){
		"old password": func(c *client.Client) (wire.LoginReply, error) { return c.Login(ctx, "iggy", "iggy") },
		"token":        func(c *client.Client) (wire.LoginReply, error) { return c.LoginWithToken(ctx, token) },
	} {
		if s.logsIn(login) == nil {
			t.Errorf("the %s of before logs in", what)
		}
	}
	s.as("hrm", "hrpass")
	root = s.as("iggy", "changed")
	topic, err := root.GetTopic(context.Background(), wire.Named("kept"), wire.Named("t"))
	must(err)
	if topic.MessagesCount != 1 {
		t.Errorf("%d messages, want 1", topic.MessagesCount)
	}
	s.stop()
	made := strings.TrimSpace(f(0, "hrm", "", "--generate"))
	if len(made) < 20 {
		t.Fatalf("made up: %q", made)
	}
	s = start(t, options{dir: s.Dir, args: smallBroker})
	s.as("hrm", made)
}

// TestResetPasswordIsForTheOwner: somebody who may not even look into the directory hears the same as who may, and touches nothing.
func TestResetPasswordIsForTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	f, err := os.Open(binary(t, "invariants"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "galgo.meta"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o700, 0o755} {
		for path := dir; path != filepath.Dir(os.TempDir()) && path != os.TempDir(); path = filepath.Dir(path) {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("/proc/self/fd/3", "user", "reset-password", "iggy", "--generate", "--data-dir", dir) // its folder may be root's alone
		cmd.ExtraFiles = []*os.File{f}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		said, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != 5 || !strings.Contains(string(said), "as the owner") {
			t.Errorf("mode %o: exit code %d, want 5: %s", mode, code, said)
		}
	}
}
