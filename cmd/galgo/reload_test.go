package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestHangupReloadsAndNeverEnds sends SIGHUP while the server starts, serves and ends: the log's level is that of the file as it is
// then, what needs a new start is named, a file that can't be used changes nothing, and the end is in order.
func TestHangupReloadsAndNeverEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "galgo.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[log]\nlevel = \"info\"\nformat = \"json\"\n")
	p := serverNotAwaited(t, t.TempDir(), nil, "--dev", "--config", file)
	p.says("data directory")
	for range 20 {
		p.signal(syscall.SIGHUP)
	}
	p.await()

	reloaded := func() int { return strings.Count(p.log.String(), `"event":"reloaded"`) }
	hangup := func(is func() bool) {
		t.Helper()
		p.signal(syscall.SIGHUP)
		if !p.shows(&p.log, func(string) bool { return is() }) {
			t.Fatal("SIGHUP is not heard")
		}
	}
	before := reloaded()
	write("send_timeout = \"7s\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n")
	hangup(func() bool { return reloaded() > before })
	p.says(`"log.level":"debug"`, `"next_start":["send_timeout"]`)

	before = reloaded()
	write("[log]\nlevel = \"error\"\nformat = \"json\"\n")
	hangup(func() bool { return reloaded() > before }) // said although what is less than an error is not any more
	write("[log]\nlevel = \"info\"\nformat = \"json\"\n")
	before = reloaded()
	hangup(func() bool { return reloaded() > before })

	write("[log]\nlevel = \"loud\"\n")
	hangup(func() bool { return strings.Contains(p.log.String(), `"event":"reload_failed"`) })
	p.says("loud")
	if _, err := p.login("iggy", "iggy"); err != nil {
		t.Error(err)
	}
	p.signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGHUP)
	p.ends(0)
	p.says("ended in order")
}
