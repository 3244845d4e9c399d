package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/e2e/process"
	"github.com/galgo-mq/galgo/wire"
)

// profilePath is the seccomp profile that container engines use unless they are told otherwise.
const profilePath = "/usr/share/containers/seccomp.json"

// profile is that file, in the words of container engines.
type profile struct {
	DefaultAction   string `json:"defaultAction"`
	DefaultErrnoRet *uint  `json:"defaultErrnoRet"`
	Syscalls        []struct {
		Names    []string         `json:"names"`
		Action   string           `json:"action"`
		ErrnoRet *uint            `json:"errnoRet"`
		Args     []map[string]any `json:"args"`
		Includes profileCondition `json:"includes"`
		Excludes profileCondition `json:"excludes"`
	} `json:"syscalls"`
}

type profileCondition struct {
	Caps   []string `json:"caps"`
	Arches []string `json:"arches"`
}

// forRuntime is the profile in the words of the runtime, for a container without capabilities, with more calls allowed.
func (p *profile) forRuntime(allow ...string) map[string]any {
	var calls []map[string]any
	add := func(names []string, action string, errno *uint, args []map[string]any) {
		c := map[string]any{"names": names, "action": action}
		if errno != nil {
			c["errnoRet"] = *errno
		}
		if len(args) > 0 {
			c["args"] = args
		}
		calls = append(calls, c)
	}
	for _, s := range p.Syscalls {
		here := len(s.Includes.Arches) == 0 || slices.Contains(s.Includes.Arches, runtime.GOARCH)
		if here && len(s.Includes.Caps) == 0 && !slices.Contains(s.Excludes.Arches, runtime.GOARCH) {
			add(s.Names, s.Action, s.ErrnoRet, s.Args)
		}
	}
	if len(allow) > 0 {
		add(allow, "SCMP_ACT_ALLOW", nil, nil)
	}
	all := map[string]any{"defaultAction": p.DefaultAction, "syscalls": calls}
	if p.DefaultErrnoRet != nil {
		all["defaultErrnoRet"] = *p.DefaultErrnoRet
	}
	return all
}

// staticBinary builds the broker as it is shipped.
func staticBinary(t *testing.T, path string) {
	t.Helper()
	if _, err := process.Build("..", "", path); err != nil {
		t.Fatal(err)
	}
}

// TestInAContainer runs the broker as users get it: an image root with the binary and nothing else, read-only, an unprivileged user
// without capabilities, 256 MiB of memory, the default seccomp profile of container engines. That forbids io_uring, so epoll serves; with its three
// calls allowed, io_uring does. It starts, serves, starts again on what is there, and ends with 0.
func TestInAContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make containers")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		t.Skip("needs runc: apt-get install runc")
	}
	text, err := os.ReadFile(profilePath)
	if err != nil {
		t.Skipf("needs the default seccomp profile, %s: apt-get install golang-github-containers-common", profilePath)
	}
	var p profile
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "rootfs")
	for _, dir := range []string{"proc", "dev", "sys", "data"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	staticBinary(t, filepath.Join(root, "galgo"))
	for name, seccomp := range map[string]map[string]any{
		"epoll": p.forRuntime(),
		"uring": p.forRuntime("io_uring_setup", "io_uring_enter", "io_uring_register"),
	} {
		t.Run(name, func(t *testing.T) {
			c := newContainer(t, root, seccomp)
			for run := range 2 {
				c.run(func(b *client.Client) { serves(t, b, run) })
			}
			if !strings.Contains(c.log.String(), "memory for messages: 64 MiB") {
				t.Errorf("the broker does not go by the container's memory:\n%s", c.log.String())
			}
			if !strings.Contains(c.log.String(), "by "+name) && !strings.Contains(c.log.String(), `"`+name) {
				t.Errorf("the log does not say that %s serves:\n%s", name, c.log.String())
			}
		})
	}
}

// serves sends a message, and reads all there are.
func serves(t *testing.T, c *client.Client, run int) {
	t.Helper()
	ctx := context.Background()
	if run == 0 {
		newTopic(t, c, "s", "t", 1)
	}
	if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), 0, single(fmt.Appendf(nil, "run %d", run))); err != nil {
		t.Fatal(err)
	}
	got, err := pollAt(c, "s", "t", 0, 0, 10)
	if err != nil || got.Count != run+1 {
		t.Errorf("%d messages in run %d: %v", got.Count, run, err)
	}
}

// container is a bundle for runc.
type container struct {
	t      *testing.T
	bundle string
	id     string
	port   int
	log    *bytes.Buffer
}

func newContainer(t *testing.T, root string, seccomp map[string]any) *container {
	t.Helper()
	const nobody = 65534
	c := &container{t: t, bundle: t.TempDir(), id: fmt.Sprintf("galgo-test-%d-%d", os.Getpid(), time.Now().UnixNano()), log: &bytes.Buffer{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	data := filepath.Join(c.bundle, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Chown(data, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	config := map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"user": map[string]any{"uid": nobody, "gid": nobody}, "cwd": "/", "noNewPrivileges": true, "capabilities": map[string]any{},
			"args": []string{"/galgo", "server", "--data-dir", "/data/galgo", "--tcp-address", fmt.Sprintf("127.0.0.1:%d", c.port)},
			"env":  []string{"GALGO_ROOT_PASSWORD=iggy"},
		},
		"root": map[string]any{"path": root, "readonly": true},
		"mounts": []map[string]any{
			{"destination": "/proc", "type": "proc", "source": "proc", "options": []string{"nosuid", "noexec", "nodev"}},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "strictatime", "mode=755", "size=64k"}},
			{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
			{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
			{"destination": "/data", "type": "bind", "source": data, "options": []string{"bind", "rw"}},
		},
		"linux": map[string]any{ // the network is the test's own, so that its clients reach loopback
			"namespaces": []map[string]any{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}},
			"resources":  map[string]any{"memory": map[string]any{"limit": 256 << 20}},
			"seccomp":    seccomp, "cgroupsPath": "/" + c.id,
		},
	}
	text, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(filepath.Join(c.bundle, "config.json"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run starts the container, lets use have a client, and ends it in order.
func (c *container) run(use func(*client.Client)) {
	c.t.Helper()
	cmd := exec.Command("runc", "run", "--bundle", c.bundle, c.id)
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	c.t.Cleanup(func() { _ = exec.Command("runc", "delete", "--force", c.id).Run() })
	var b *client.Client
	for deadline := time.Now().Add(patience); b == nil; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			c.t.Fatalf("the container ended: %v\n%s", err, c.log.String())
		default:
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the container does not serve within %v", patience)
		}
		b, _ = login(fmt.Sprintf("127.0.0.1:%d", c.port))
	}
	use(b)
	b.Close()
	if out, err := exec.Command("runc", "kill", c.id, "TERM").CombinedOutput(); err != nil {
		c.t.Fatalf("runc kill: %v\n%s", err, out)
	}
	select {
	case err := <-ended:
		if err != nil {
			c.t.Fatalf("the container ended with %v\n%s", err, c.log.String())
		}
	case <-time.After(patience):
		c.t.Fatal("the container does not end")
	}
}
