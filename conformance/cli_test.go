package conformance

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// cli runs the command line against a broker.
type cli struct {
	t       *testing.T
	b       *table
	path    string
	address string
	env     []string
	login   []string
}

// commands asks the command line for all it has: the leaves of its help.
func (c *cli) commands(prefix ...string) (all []string) {
	c.t.Helper()
	stdout, stderr, code, err := run(c.command(append(prefix, "--help")...), 20*time.Second)
	if err != nil || code != 0 {
		c.t.Fatalf("help of %v: %v, code %d\n%s", prefix, err, code, stderr)
	}
	_, list, found := strings.Cut(stdout, "\nCommands:\n")
	if !found {
		return []string{strings.Join(prefix, " ")}
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, m := range regexp.MustCompile(`(?m)^  (\S+)`).FindAllStringSubmatch(list, -1) {
		if m[1] != "help" {
			all = append(all, c.commands(append(append([]string{}, prefix...), m[1])...)...)
		}
	}
	return all
}

func (c *cli) command(args ...string) *exec.Cmd {
	cmd := exec.Command(c.path, args...)
	cmd.Env = c.env
	return cmd
}

// outcome is what a command did.
type outcome struct {
	c              *cli
	command        string
	args           []string
	stdout, stderr string
	code           int
	err            error
}

// do runs a command with its arguments, as iggy or with the flags that login says.
func (c *cli) do(command string, args ...string) *outcome { return c.feed("", command, args...) }

func (c *cli) feed(input, command string, args ...string) *outcome {
	line := append([]string{"--tcp-server-address", c.address}, c.login...)
	line = append(append(line, strings.Fields(command)...), args...)
	cmd := c.command(line...)
	cmd.Stdin = strings.NewReader(input)
	o := &outcome{c: c, command: command, args: args}
	o.stdout, o.stderr, o.code, o.err = run(cmd, 30*time.Second)
	return o
}

// shows checks that the command succeeded and that its output matches each of the patterns.
func (o *outcome) shows(patterns ...string) *outcome {
	o.judge(o.code == 0, o.stdout, patterns)
	return o
}

// fails checks that the command failed (1), or was refused by the tool itself (2), and that what it says of that matches.
func (o *outcome) fails(patterns ...string) *outcome {
	o.judge(o.code == 1 || o.code == 2, o.stderr, patterns)
	return o
}

// lacks checks that the output does not match.
func (o *outcome) lacks(pattern string) *outcome {
	o.note(o.code == 0 && !regexp.MustCompile("(?m)"+pattern).MatchString(o.stdout), "without "+pattern)
	return o
}

func (o *outcome) judge(code bool, text string, patterns []string) {
	if o.err != nil || !code {
		o.note(false, "as it should end")
		return
	}
	o.note(true, "ends")
	for _, p := range patterns {
		o.note(regexp.MustCompile("(?m)"+p).MatchString(text), p)
	}
}

func (o *outcome) note(good bool, what string) {
	if !good {
		what = fmt.Sprintf("%q: want %s; got code %d, %v, %s%s", o.args, what, o.code, o.err, o.stdout, warnings.ReplaceAllString(o.stderr, ""))
	}
	o.c.b.check(good, o.command, what)
}

var warnings = regexp.MustCompile(`(?m)^.*keyring backend unavailable.*\n`)

// property is a line of a table of properties, entry one of a list of things.
func property(name, value string) string { return `^\| ` + name + ` +\| ` + value + ` +\|$` }

func entry(cells ...string) string { return `^` + strings.Join(cells, `\|`) + `$` }

// TestCLI runs iggy-cli through every command that its help shows.
func TestCLI(t *testing.T) {
	path := cargo(t, "bin/iggy", "", "install", "--locked", "--root", "../.cache/rust", "iggy-cli@0.14.0")
	home := t.TempDir()
	// Without a key ring everywhere, also where there is one.
	env := []string{"HOME=" + home, "IGGY_HOME=" + filepath.Join(home, "iggy"), "DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(home, "none"), "RUST_BACKTRACE=0", "NO_COLOR=1"}
	c := &cli{t: t, path: path, env: env, login: []string{"-u", "iggy", "-p", "iggy"}}
	c.b = newTable("cli", nil)
	for _, name := range c.commands() {
		c.b.row(name)
	}
	c.address = start(t, "--shards", "2").Address
	begin := time.Now()
	for _, part := range []func(*cli){
		(*cli).system, (*cli).streams, (*cli).topics, (*cli).partitions, (*cli).messages, (*cli).offsets, (*cli).groups, (*cli).clients,
		(*cli).users, (*cli).tokens, (*cli).snapshots, (*cli).contexts, (*cli).sessions,
	} {
		part(c)
	}
	t.Logf("%.1f s", time.Since(begin).Seconds())
	c.b.settle(t)
}

func (c *cli) system() {
	c.do("ping", "-c", "3").shows("Ping sequence id: 3 time: ", "Ping statistics for 3 ping commands")
	c.do("me").shows(property("User ID", "0"), property("Transport", "TCP"), property("Address", `127\.0\.0\.1:\d+`), property("Client ID", `\d+`))
	c.do("cluster metadata").shows("Cluster name: single-node", `\| 127\.0\.0\.1 \| \d+ .*\| leader \| healthy \|`)

	c.do("options", "topic").shows(`\| segment_size +\| uint64 \| 1073741824 +\|`, `\| durability +\| string \| replicated +\|`, `\| preallocate_segments +\| bool +\| false +\|`)
	c.do("options", "stream").shows().lacks("segment_size")
	c.do("options", "user").shows().lacks("segment_size")

	c.do("stats").shows(`\| Iggy Server PID +\| \d+ +\|`, `\| Streams Count +\| 0 +\|`)
	c.do("stats", "-o", "list").shows(`^Streams Count\|0$`)
	o := c.do("stats", "-o", "json").shows()
	var stats struct {
		ProcessID     uint32 `json:"process_id" toml:"process_id"`
		ServerVersion string `json:"iggy_server_version" toml:"iggy_server_version"`
	}
	_, text, _ := strings.Cut(o.stdout, "\n")
	err := json.Unmarshal([]byte(text), &stats)
	o.note(err == nil && stats.ProcessID > 0 && stats.ServerVersion != "", "JSON")
	process := stats.ProcessID
	o = c.do("stats", "-o", "toml").shows()
	_, text, _ = strings.Cut(o.stdout, "\n")
	err = toml.Unmarshal([]byte(text), &stats)
	o.note(err == nil && stats.ProcessID == process, "TOML")
}

func (c *cli) streams() {
	c.do("stream create", "prod").shows("Stream with name: prod .*created")
	c.do("stream create", "-s", "77", "second").shows("created")
	c.do("stream create", "prod").fails("Stream with name: .*already exists")
	c.do("stream get", "prod").shows(property("Stream ID", "0"), property("Stream name", "prod"), property("Stream topics count", "0"))
	c.do("stream get", "1").shows(property("Stream name", "second"))
	c.do("stream get", "none").shows("was not found")
	c.do("stream list").shows(`^\| 0 .*\| prod .*`, `^\| 1 .*\| second .*`)
	c.do("stream list", "-l", "list").shows(entry("0", ".*", "prod", "0 B", "0", "0"), entry("1", ".*", "second", "0 B", "0", "0"))
	c.do("stream update", "prod", "test").shows("updated name: test")
	c.do("stream update", "none", "x").fails("Stream with ID: .* was not found")
	c.do("stream update", "test", "second").fails("already exists")
	c.do("stream get", "test").shows(property("Stream ID", "0"))
	c.do("topic create", "test", "t", "1", "none").shows()
	c.do("message send", "-p", "0", "test", "t", "one", "two").shows()
	c.do("stream get", "test").shows(property("Stream message count", "2"))
	c.do("stream purge", "test").shows("purged")
	c.do("stream purge", "none").fails("Stream with ID: .* was not found")
	c.do("stream get", "test").shows(property("Stream message count", "0"), property("Stream topics count", "1"))
	c.do("stream delete", "test").shows("deleted")
	c.do("stream delete", "1").shows("deleted")
	c.do("stream delete", "test").fails("Stream with ID: .* was not found")
	c.do("stream list", "-l", "list").lacks("test|second")
}

func (c *cli) topics() {
	c.do("stream create", "s").shows()
	c.do("topic create", "s", "plain", "2", "none").shows("Topic with name: plain, partitions count: 2")
	c.do("topic create", "-m", "5GB", "--durability", "persisted", "--consumer-offset-durability", "persisted", "--set", "segment_size=1MiB", "s", "rich", "3", "gzip", "1day", "1hour").
		shows("message expiry: 1day 1h", "max topic size: 5")
	c.do("topic create", "-t", "9", "s", "never", "1", "none", "unlimited").shows()
	c.do("topic create", "s", "plain", "1", "none").fails("Topic with name: .* already exists")
	c.do("topic create", "none", "x", "1", "none").fails("Stream with ID: .* was not found")
	c.do("topic create", "--set", "colour=red", "s", "x", "1", "none").fails("Unsupported option key")
	c.do("topic create", "--set", "segment_size=1000", "s", "x", "1", "none").fails("Invalid option value")
	c.do("topic create", "-m", "1MB", "s", "x", "1", "none").fails("Max topic size cannot be lower than segment size")
	c.do("topic get", "s", "rich").shows(property("Topic id", "1"), property("Compression", "gzip"), property("Message expiry", "1day 1h"), property("Max topic size", `5\S* GB`), property("Partitions count", "3"))
	c.do("topic get", "s", "2").shows(property("Topic name", "never"), property("Message expiry", "unlimited"), property("Max topic size", "unlimited"))
	c.do("topic get", "s", "none").shows("was not found")
	c.do("topic list", "s").shows(`^\| 0 .*\| plain .*`, `^\| 1 .*\| rich .*`)
	c.do("topic list", "-l", "list", "s").shows(entry("0", ".*", "plain", "0 B", "unlimited", "none", "unlimited", "0", "2"), entry("1", ".*", "rich", "0 B", ".*", "gzip", "1day 1h", "0", "3"))
	c.do("topic list", "none").shows().lacks("plain")
	c.do("topic update", "-m", "6GB", "s", "plain", "renamed", "gzip", "15days").shows("updated name: renamed")
	c.do("topic get", "s", "renamed").shows(property("Topic id", "0"), property("Compression", "gzip"), property("Message expiry", "15days"), property("Max topic size", `6\S* GB`))
	c.do("topic update", "s", "renamed", "renamed", "none").shows()
	c.do("topic get", "s", "renamed").shows(property("Compression", "none"), property("Message expiry", "15days"))
	c.do("topic update", "s", "none", "x", "none").fails("Topic with ID: .* was not found")
	c.do("topic update", "s", "renamed", "rich", "none").fails("already exists")
	c.do("message send", "-p", "0", "s", "renamed", "one", "two").shows()
	c.do("topic get", "s", "renamed").shows(property("Topic message count", "2"))
	c.do("topic purge", "s", "renamed").shows("purged")
	c.do("topic get", "s", "renamed").shows(property("Topic message count", "0"))
	c.do("topic purge", "s", "none").fails("Topic with ID: .* was not found")
	c.do("topic delete", "s", "renamed").shows("deleted")
	c.do("topic delete", "s", "1").shows("deleted")
	c.do("topic delete", "s", "rich").fails("Topic with ID: .* was not found")
	c.do("topic list", "-l", "list", "s").lacks("renamed|rich")
	c.do("stream delete", "s").shows()
}

func (c *cli) partitions() {
	c.do("stream create", "s").shows()
	c.do("topic create", "--set", "segment_size=1MiB", "s", "t", "1", "none").shows()
	c.do("partition create", "s", "t", "4").shows("Created 4 partitions")
	c.do("topic get", "s", "t").shows(property("Partitions count", "5"))
	c.do("partition create", "s", "none", "1").fails("Topic with ID: .* was not found")
	c.do("partition create", "s", "t", "1001").fails("Too many partitions")
	c.do("partition delete", "s", "t", "2").shows("Deleted 2 partitions")
	c.do("topic get", "s", "t").shows(property("Partitions count", "3"))
	c.do("partition delete", "s", "t", "9").fails("Invalid partitions count")
	c.do("partition delete", "none", "t", "1").fails("Stream with ID: .* was not found")

	// Segments of 1 MiB, and five messages of more than half of it.
	line := strings.Repeat("x", 600<<10) + "\n"
	for range 5 {
		c.feed(line, "message send", "-p", "0", "s", "t").shows()
	}
	c.do("stats", "-o", "list").shows(`^Segments Count\|([5-9])$`)
	c.do("message poll", "--first", "s", "t", "0").shows(`^\| 0 `)
	c.do("segment delete", "s", "t", "0", "1").shows("Deleted 1 segment")
	c.do("message poll", "--first", "s", "t", "0").shows(`^\| 2 `)
	c.do("segment delete", "s", "t", "0", "0").fails("0 is not in 1")
	c.do("segment delete", "s", "t", "9", "1").fails("Partition with ID: .* was not found")
	c.do("segment delete", "s", "none", "0", "1").fails("Topic with ID: .* was not found")
	c.do("stream delete", "s").shows()
}

func (c *cli) messages() {
	c.do("stream create", "s").shows()
	c.do("topic create", "s", "t", "2", "none").shows()
	c.do("message send", "-p", "0", "s", "t", "hello", "two words").shows("Sent messages")
	c.feed("from\nstandard input\n", "message send", "-p", "0", "s", "t").shows("Sent messages")
	c.do("message send", "-p", "1", "-H", "text:string:value,number:uint32:7", "s", "t", "with headers").shows()
	c.do("message send", "-m", "key", "s", "t", "by key").shows()
	c.do("message send", "s", "t", "balanced").shows()
	c.do("message send", "-p", "9", "s", "t", "lost").fails("was not found")
	c.do("message send", "-p", "0", "s", "none", "lost").fails("was not found")
	c.do("message send", "s", "t").fails("Invalid messages count")
	c.do("message poll", "--first", "-m", "4", "s", "t", "0").
		shows("Polled 4 messages", `^\| 0 .*\| hello +\|`, `^\| 1 .*\| two words +\|`, `^\| 2 .*\| from +\|`, `^\| 3 .*\| standard input \|`)
	c.do("message poll", "--offset", "1", "s", "t", "0").shows("Polled 1 message", `^\| 1 .*\| two words +\|`)
	c.do("message poll", "--last", "-m", "1", "s", "t", "0").shows(`\| (by key|balanced) +\|`) // the key's partition is the first
	c.do("message poll", "--first", "-s", "s", "t", "1").shows("with headers", "text", "value", "number", "7")
	for _, want := range []string{"hello", "two words"} {
		c.do("message poll", "--next", "-a", "-c", "reader", "s", "t", "0").shows(`\| ` + want + ` +\|`)
	}
	c.do("message poll", "--offset", "1000", "s", "t", "0").shows("Polled 0 messages")
	c.do("message poll", "--first", "s", "none", "0").fails("Topic with ID: .* was not found")
	c.do("message poll", "--first", "s", "t", "9").fails("Partition with ID: .* was not found")
	file := filepath.Join(c.t.TempDir(), "messages")
	c.do("message poll", "--first", "-m", "4", "--output-file", file, "s", "t", "0").shows("Stored 4 messages")
	c.do("topic create", "s", "copy", "1", "none").shows()
	c.do("message send", "-p", "0", "--input-file", file, "s", "copy").shows("Created 4 messages")
	c.do("message poll", "--first", "-m", "4", "s", "copy", "0").shows(`^\| 0 .*\| hello +\|`, `^\| 3 .*\| standard input \|`)
	// A broker need not know this one, and ours does.
	c.do("message flush", "s", "t", "0").shows("Flushed messages")
	c.do("message flush", "-f", "s", "t", "0").shows("with fsync")
	c.do("message flush", "s", "none", "0").fails("was not found")
	c.do("stream delete", "s").shows()
}

func (c *cli) offsets() {
	c.do("stream create", "s").shows()
	c.do("topic create", "s", "t", "1", "none").shows()
	c.do("message send", "-p", "0", "s", "t", "a", "b", "c").shows()
	c.do("consumer-offset get", "reader", "s", "t", "0").shows("was not found")
	c.do("consumer-offset set", "reader", "s", "t", "0", "1").shows("set to 1")
	c.do("consumer-offset get", "reader", "s", "t", "0").shows(property("Current offset", "2"), property("Stored offset", "1"), property("Partition ID", "0"))
	c.do("consumer-offset set", "7", "s", "t", "0", "2").shows("set to 2")
	c.do("consumer-offset get", "7", "s", "t", "0").shows(property("Stored offset", "2"))
	c.do("consumer-offset set", "reader", "s", "t", "0", "100").fails("Invalid offset")
	c.do("consumer-offset set", "reader", "s", "none", "0", "1").fails("was not found")
	c.do("consumer-offset get", "reader", "s", "t", "9").fails("Partition with ID: .* was not found")
	c.do("consumer-group create", "s", "t", "g").shows()
	c.do("consumer-offset get", "-k", "consumer-group", "g", "s", "t", "0").shows("was not found")
	// Only a member that owns the partition may: the command line joins no group.
	c.do("consumer-offset set", "-k", "consumer-group", "g", "s", "t", "0", "1").fails("was not found")
	c.do("stream delete", "s").shows()
}

func (c *cli) groups() {
	c.do("stream create", "s").shows()
	c.do("topic create", "s", "t", "3", "none").shows()
	c.do("consumer-group create", "s", "t", "workers").shows("created")
	c.do("consumer-group create", "s", "t", "workers").fails("Consumer group with name: .* already exists")
	c.do("consumer-group create", "s", "none", "workers").fails("Topic with ID: .* was not found")
	c.do("consumer-group get", "s", "t", "workers").shows("workers", `\| 3 +\|`)
	c.do("consumer-group get", "s", "t", "none").shows("was not found")
	c.do("consumer-group list", "s", "t").shows(`^\| 0 +\| workers +\| 3 +\| 0 +\|`)
	c.do("consumer-group list", "-l", "list", "s", "t").shows(entry("0", "workers", "3", "0"))
	c.do("consumer-group list", "s", "none").fails("Topic with ID: .* was not found")
	c.do("consumer-group delete", "s", "t", "workers").shows("deleted")
	c.do("consumer-group delete", "s", "t", "workers").fails("Consumer group with ID: .* was not found")
	c.do("consumer-group list", "-l", "list", "s", "t").lacks("workers")
	c.do("stream delete", "s").shows()
}

func (c *cli) clients() {
	peer, err := net.Dial("tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	defer peer.Close()
	o := c.do("client list", "-l", "list").shows(entry(`\d+`, "0", `127\.0\.0\.1:\d+`, "TCP", "0"))
	c.do("client list").shows(`^\| \d+ +\| 0 +\| 127\.0\.0\.1:\d+ \| TCP +\| 0 `)
	o.lacks(regexp.QuoteMeta(peer.LocalAddr().String())) // it has asked for nothing yet
	c.do("client get", "4294967290").shows("was not found")
	// The tool's own connection has a number that only its reply knows; numbers are given out one after the other.
	m := regexp.MustCompile(`(?m)^\| Client ID \| (\d+) `).FindStringSubmatch(c.do("me").stdout)
	if m == nil {
		c.b.check(false, "client get", "no number to ask for")
		return
	}
	var last int
	fmt.Sscan(m[1], &last)
	for next := last + 1; next < last+4; next++ {
		if o := c.do("client get", fmt.Sprint(next)); strings.Contains(o.stdout, "127.0.0.1") {
			o.shows(property("Client ID", fmt.Sprint(next)), property("User ID", "0"), property("Transport", "TCP"))
			return
		}
	}
	c.b.check(false, "client get", "none of the next numbers is that of the asking connection")
}

func (c *cli) users() {
	c.do("user create", "guest", "secret").shows("created")
	c.do("user create", "guest", "secret").fails("User already exists")
	c.do("user create", "ab", "secret").fails("Invalid username")
	c.do("user create", "-u", "inactive", "-g", "p_msg,s_msg,read_streams", "-s", "4:manage_stream,r_top#1:s_msg,p_msg#2:manage_topic", "other", "secret").shows("created")
	c.do("user get", "guest").shows(property("User ID", "1"), property("Username", "guest"), property("Status", "active"))
	c.do("user get", "other").shows(property("Status", "inactive"), "Global", "poll_messages|Poll", "4")
	c.do("user get", "nobody").shows("was not found")
	c.do("user list").shows(`^\| 0 .*\| iggy +\|`, `^\| 1 .*\| guest +\|`, `^\| 2 .*\| other +\|`)
	c.do("user list", "-l", "list").shows(`^1\|.*\|?guest\|?`, `^2\|.*inactive`)
	c.as("-u", "guest", "-p", "secret").do("me").shows(property("User ID", "1"))
	c.as("-u", "guest", "-p", "secret").do("stream list").fails("Unauthorized")
	c.as("-u", "other", "-p", "secret").do("me").fails("Invalid credentials")
	c.do("user name", "guest", "visitor").shows()
	c.do("user get", "1").shows(property("Username", "visitor"))
	c.do("user name", "nobody", "somebody").fails("was not found")
	c.do("user name", "visitor", "iggy").fails("User already exists")
	c.do("user status", "visitor", "inactive").shows()
	c.as("-u", "visitor", "-p", "secret").do("me").fails("Invalid credentials")
	c.do("user status", "visitor", "active").shows()
	c.do("user status", "nobody", "active").fails("was not found")
	c.do("user password", "visitor", "secret", "changed").shows()
	c.do("user password", "visitor", "secret", "again").fails("Invalid credentials")
	c.as("-u", "visitor", "-p", "changed").do("me").shows()
	c.do("user permissions", "-g", "read_streams", "visitor").shows()
	c.as("-u", "visitor", "-p", "changed").do("stream list").shows()
	c.do("user permissions", "visitor").shows()
	c.as("-u", "visitor", "-p", "changed").do("stream list").fails("Unauthorized")
	c.do("user permissions", "iggy").fails("Cannot change permissions|Cannot update permissions")
	c.do("user delete", "iggy").fails("Cannot delete user")
	c.do("user delete", "nobody").fails("was not found")
	c.do("user delete", "visitor").shows("deleted")
	c.do("user delete", "2").shows("deleted")
	c.do("user list", "-l", "list").lacks("visitor|other")
}

// as returns the command line with other flags for the login.
func (c *cli) as(login ...string) *cli {
	other := *c
	other.login = login
	return &other
}

func (c *cli) tokens() {
	c.do("pat create", "first").shows("first")
	token := c.do("-q pat create", "second")
	c.b.check(token.code == 0 && len(strings.TrimSpace(token.stdout)) > 20, "pat create", "quiet: prints the token alone: "+token.stdout+token.stderr)
	c.do("pat create", "brief", "1day", "2h").shows()
	c.do("pat create", "first").fails("already exists")
	c.do("pat create", "-s", "kept").fails("zbus error|keyring|Platform") // there is no key ring
	c.do("pat list").shows(`\| first +\|`, `\| second +\|`, `\| brief +\|`)
	c.do("pat list", "-l", "list").shows(`^first\|`, `^brief\|\d{4}-`)
	c.as("-t", strings.TrimSpace(token.stdout)).do("me").shows(property("User ID", "0"))
	c.as("-t", "wrong").do("me").fails("Invalid personal access token")
	c.as("-n", "first").do("me").fails("zbus error|keyring|Platform")
	// The tool deletes a token and then looks for it in the key ring, which fails: so each ends with a failure, and is gone.
	c.do("pat delete", "first").fails("No default store has been set")
	c.do("pat delete", "first").fails("was not found")
	c.do("pat delete", "second").fails("No default store has been set")
	c.do("pat delete", "brief").fails("No default store has been set")
	c.do("pat list", "-l", "list").lacks("^first|^second|^brief")
}

func (c *cli) snapshots() {
	for _, compression := range []string{"stored", "deflated"} {
		dir := c.t.TempDir()
		o := c.do("snapshot", "-c", compression, "-o", dir, "-s", "test", "server_config", "process_list").shows()
		files, _ := filepath.Glob(filepath.Join(dir, "snapshot_*.zip"))
		if len(files) != 1 {
			o.note(false, "one archive, named snapshot_*.zip")
			continue
		}
		z, err := zip.OpenReader(files[0])
		if err != nil {
			o.note(false, "an archive: "+err.Error())
			continue
		}
		var names []string
		for _, f := range z.File {
			names = append(names, f.Name)
		}
		z.Close()
		o.note(len(names) == 3 && strings.Contains(strings.Join(names, " "), "test.txt"), "the three entries, has "+strings.Join(names, " "))
	}
	dir := c.t.TempDir()
	o := c.do("snapshot", "-o", dir).shows()
	files, _ := os.ReadDir(dir)
	o.note(len(files) == 1, "one archive of everything")
}

func (c *cli) contexts() {
	c.do("context list").shows(`\| default\* \|`)
	c.do("context show", "default").shows(property("Name", `default\*`))
	c.do("context create", "dev", "--transport", "tcp", "--tcp-server-address", c.address, "--username", "iggy", "--password", "iggy").shows("created successfully")
	c.do("context create", "dev").fails("already exists")
	c.do("context list", "-l", "list").shows("default", "dev")
	c.do("context show", "dev").shows(property("Transport", "tcp"), property("TCP Server Address", regexp.QuoteMeta(c.address)), property("Username", "iggy")).lacks("Password +\\| iggy")
	c.do("context show", "none").fails("none")
	c.do("context use", "dev").shows("active context set to 'dev'")
	c.do("context use", "none").fails("none")
	// Everything comes from the context now.
	bare := c.command("me")
	stdout, stderr, code, err := run(bare, 20*time.Second)
	c.b.check(err == nil && code == 0 && strings.Contains(stdout, "User ID"), "context use", "its address and credentials are used: "+stdout+stderr)
	c.do("context delete", "default").fails("cannot delete the 'default' context")
	c.do("context delete", "dev").shows("deleted successfully")
	c.do("context list", "-l", "list").lacks("dev").shows("default")
}

// sessions need a key ring, and there is none: what matters is that they say so. Until then they have a token made.
func (c *cli) sessions() {
	c.do("login").fails("keyring|zbus error|Platform")
	c.do("login", "1hour").fails("keyring|zbus error|Platform")
	c.do("session status").shows(property("Session Active", "No"), property("Server Address", regexp.QuoteMeta(c.address)))
	c.do("logout").shows("logged out")
	c.as().do("me").fails("Missing|credentials|username|token|keyring|zbus")
	c.do("pat list", "-l", "list").shows(`^iggy-cli-session\|\d{4}-`)
}
