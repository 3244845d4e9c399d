package main

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// secrets are planted wherever somebody could have put one, and looked for in every entry of an archive.
type secrets struct {
	root, user, changed, wrong, key string
	tokens                          []string
}

func newSecrets() *secrets {
	return &secrets{root: "root-" + rand.Text(), user: "user-" + rand.Text(), changed: "changed-" + rand.Text(), wrong: "wrong-" + rand.Text(), key: rand.Text() + rand.Text()}
}

// env is an environment with secrets for others and for us.
func (x *secrets) env() []string {
	return []string{"AWS_SECRET_ACCESS_KEY=" + x.key, "PASSWORD=" + x.wrong, "IGGY_PASSWORD=" + x.user, "IGGY_SYSTEM_ENCRYPTION_KEY=" + x.key,
		"IGGY_HTTP_JWT_ENCODING_SECRET=" + x.key, "GODEBUG=madvdontneed=1,secret=" + x.key}
}

// use gives the secrets to the server as clients do: where they belong, and where they do not.
func (x *secrets) use(t *testing.T, p *process) {
	t.Helper()
	root, err := p.login("iggy", x.root)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	all := wire.Permissions{Global: 1<<10 - 1}
	_, err = root.CreateUser(ctx, "someone", x.user, &all)
	must(err)
	_, err = p.login("someone", x.user)
	must(err)
	must(root.ChangePassword(ctx, wire.Named("someone"), x.user, x.changed))
	someone, err := p.login("someone", x.changed)
	must(err)
	for _, c := range []*client.Client{root, someone} {
		token, err := c.CreateToken(ctx, "t", 0)
		must(err)
		x.tokens = append(x.tokens, token)
		_, err = p.dial().LoginWithToken(ctx, token)
		must(err)
	}
	must(someone.DeleteToken(ctx, "t"))
	for _, secret := range x.all() {
		bad := func(what string, err error) {
			t.Helper()
			var status wire.Status
			if err == nil || !errors.As(err, &status) && !errors.Is(err, client.ErrBroken) {
				t.Fatalf("%s: %v", what, err)
			}
		}
		_, err = p.login(secret, secret) // a password typed where the name belongs
		bad("a secret as the name", err)
		_, err = p.dial().LoginWithToken(ctx, secret+"x")
		bad("a secret and more as the token", err)
		bad("a secret as a stream", root.DeleteStream(ctx, wire.Named(secret)))
		bad("a secret as a user", root.DeleteUser(ctx, wire.Named(secret)))
		bad("a secret as a present password", root.ChangePassword(ctx, wire.Named("nobody"), secret, secret))
		garbage := p.raw()
		fmt.Fprint(garbage, strings.Repeat(secret+"\n", 20))
		_, _ = io.Copy(io.Discard, garbage) // until the server closes it
	}
	_, err = p.login("iggy", x.wrong)
	if !errors.Is(err, wire.StatusInvalidCredentials) {
		t.Fatalf("login with a wrong password: %v", err)
	}
}

// all are the secrets themselves.
func (x *secrets) all() []string {
	return append([]string{x.root, x.user, x.changed, x.wrong, x.key}, x.tokens...)
}

// absent checks that no entry has a secret, or what could be made of one.
func (x *secrets) absent(t *testing.T, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		low := strings.ToLower(text)
		for _, secret := range x.all() {
			sum := sha256.Sum256([]byte(secret))
			for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString(sum[:]), secret[:16]} {
				if strings.Contains(low, strings.ToLower(form)) {
					t.Errorf("%s has %s of a secret", name, form)
				}
			}
		}
		if strings.Contains(text, "$argon2") {
			t.Errorf("%s has the hash of a password", name)
		}
	}
}

// archive returns the texts of everything a server tells.
func (p *process) archive(c *client.Client) map[string]string {
	p.t.Helper()
	archive, err := c.Snapshot(ctx, wire.GetSnapshotFile{Compression: wire.SnapshotDeflate, Types: []wire.SnapshotType{1, 2, 3, 4, 5, 6}})
	if err != nil {
		p.t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		p.t.Fatal(err)
	}
	texts := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			p.t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			p.t.Fatal(err)
		}
		texts[f.Name] = string(text)
	}
	return texts
}

// tells checks that the entries have what an operator needs, so that nothing was proved of empty ones.
func (p *process) tells(texts map[string]string, loglines ...string) {
	p.t.Helper()
	pid := fmt.Sprint(p.cmd.Process.Pid)
	for name, words := range map[string][]string{
		"filesystem_overview.txt": {"data directory " + p.dir, "journal", "state", "mount: "},
		"process_list.txt":        {"this broker is " + pid, "\n" + pid + " "},
		"resource_usage.txt":      {p.address, "Requests", "IO.Syscalls", "VmRSS", "Max open files", "MemTotal", "journal is written"},
		"test.txt":                {"test\n"},
		"server_logs.txt":         append(loglines, "data directory "+p.dir, "listening on "+p.address),
		"server_config.txt":       {p.address, "pid = " + pid, "username = 'iggy'"},
	} {
		for _, w := range words {
			if !strings.Contains(texts[name], w) {
				p.t.Errorf("%s does not say %q:\n%s", name, w, texts[name])
			}
		}
	}
}

func TestArchiveForOperatorsHasNoSecret(t *testing.T) {
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(name string, begin func(x *secrets, dir string) *process, loglines ...string) {
		t.Run(name, func(t *testing.T) {
			x := newSecrets()
			p := begin(x, t.TempDir())
			p.t = t
			p.await()
			environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.cmd.Process.Pid))
			if err != nil || !bytes.Contains(environ, []byte(x.key)) {
				t.Fatalf("the environment has no secret: %v", err)
			}
			x.use(t, p)
			root, err := p.login("iggy", x.root)
			if err != nil {
				t.Fatal(err)
			}
			texts := p.archive(root)
			p.tells(texts, loglines...)
			x.absent(t, texts)
			if strings.Contains(p.log.String(), x.root) {
				t.Error("the log has the password")
			}
			p.signal(15)
			p.ends(0)
		})
	}
	f("variables", func(x *secrets, dir string) *process {
		return serverNotAwaited(t, dir, append(x.env(), "GALGO_ROOT_PASSWORD="+x.root), "--log-level", "debug")
	}, "with the password that was given")
	f("variables, logs for programs", func(x *secrets, dir string) *process {
		return serverNotAwaited(t, dir, append(x.env(), "GALGO_ROOT_PASSWORD="+x.root), "--log-level", "debug", "--log-format", "json", "--io", "epoll")
	}, `"msg":"first user`)
	f("files", func(x *secrets, dir string) *process {
		password := write("password", x.root+"\n")
		file := write("galgo.toml", "# "+x.key+"\n[root]\npassword_file = '"+password+"' # not "+x.wrong+"\n")
		return serverNotAwaited(t, dir, x.env(), "--log-level", "debug", "--config", file, "--root-password-file", password)
	}, "with the password that was given")
	f("in the place of an Iggy server", func(x *secrets, dir string) *process {
		file := write("server.toml", "[system.encryption]\nenabled = false\nkey = '"+x.key+"'\n[http.jwt]\nencoding_secret = '"+x.key+"'\n[sytem]\npasword = '"+x.wrong+"'\n")
		dotenv := write("env", "IGGY_ROOT_USERNAME=iggy\nIGGY_ROOT_PASSWORD="+x.root+"\nIGGY_SECRET_KEY="+x.key+"\nSECRET_KEY="+x.key+"\n")
		return iggy(t, dir, append(x.env(), "IGGY_CONFIG_PATH="+file, "IGGY_ENV_PATH="+dotenv, "RUST_LOG=debug"))
	}, "pasword")
}
