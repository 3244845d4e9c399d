package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
)

// Who the first user is matters to the start that makes it. Later ones serve, whatever is said of it, and whether or not its
// password's file is still there.
func TestLaterStartsNeedNoFirstUser(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("correct-horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serves := func(p *process, said string) {
		t.Helper()
		p.await()
		p.says(said)
		if _, err := p.login("iggy", "correct-horse"); err != nil {
			t.Errorf("login: %v", err)
		}
		p.signal(syscall.SIGTERM)
		p.ends(0)
	}
	serves(serverNotAwaited(t, dir, nil, "--root-password-file", file), "first user iggy made, with the password that was given")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	serves(serverNotAwaited(t, dir, []string{"GALGO_ROOT_PASSWORD=x"}, "--root-password-file", file, "--root-username", "x"),
		"GALGO_ROOT_USERNAME and GALGO_ROOT_PASSWORD count on the first start only")
	serves(iggy(t, dir, []string{"IGGY_ROOT_USERNAME=x", "IGGY_ROOT_PASSWORD=x", "IGGY_ROOT_PASSWORD_FILE=" + file}),
		"IGGY_ROOT_USERNAME and IGGY_ROOT_PASSWORD count on the first start only")
	serves(iggy(t, dir, []string{"IGGY_ROOT_USERNAME=admin"}), "IGGY_ROOT_USERNAME and IGGY_ROOT_PASSWORD count")
}

// A first user that cannot be made stops the start before anything is made, and before --fresh removes anything.
func TestFirstUserThatCannotBeMadeStopsTheFirstStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	refuses := func(p *process, want string) {
		t.Helper()
		p.ends(exitUsage)
		p.says(want)
	}
	refuses(serverNotAwaited(t, dir, nil, "--root-password-file", "/does/not/exist"), "root.password_file: open /does/not/exist")
	refuses(serverNotAwaited(t, dir, []string{"GALGO_ROOT_PASSWORD=x"}), "GALGO_ROOT_PASSWORD: a password has 3 to 100 bytes, and this one has 1")
	refuses(iggy(t, dir, []string{"IGGY_ROOT_USERNAME=admin", "IGGY_ROOT_PASSWORD=x"}), "IGGY_ROOT_PASSWORD: a password has 3 to 100 bytes")
	if _, err := os.Stat(dir); err == nil {
		t.Error("the data directory was made")
	}

	first := iggy(t, dir, nil, "--with-default-root-credentials")
	first.await()
	first.stops()
	refuses(iggy(t, dir, []string{"IGGY_ROOT_USERNAME=admin"}, "--fresh"), "IGGY_ROOT_PASSWORD is not")
	again := iggy(t, dir, nil)
	again.await()
	if _, err := again.login("iggy", "iggy"); err != nil {
		t.Errorf("login: %v", err)
	}
	again.stops()
}

// A start that was cut off before it had made the user leaves a directory that looks as if there were one. The next makes it,
// or says what is wrong and leaves it to the one after that.
func TestFirstUserIsMadeByWhicheverStartCan(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, config.SuperblockName), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p := serverNotAwaited(t, dir, []string{"GALGO_ROOT_PASSWORD=x"})
		p.ends(exitUsage)
		p.says("GALGO_ROOT_PASSWORD: a password has 3 to 100 bytes, and this one has 1")
	}
	p := startServer(t, dir, []string{"GALGO_ROOT_PASSWORD=correct-horse"})
	if _, err := p.login("iggy", "correct-horse"); err != nil {
		t.Errorf("login: %v", err)
	}
	p.signal(syscall.SIGTERM)
	p.ends(0)
}
