package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

var floodFlag = flag.Bool("flood", false, "TestLoginFlood takes ten seconds a round and judges the times")

const (
	floodRate    = 200 // wrong logins a second
	floodClients = 512
)

// TestLoginFlood has somebody try passwords, 200 a second, while producers go on and others log in. Times are printed; only with
// -flood, on a quiet machine, are they judged.
func TestLoginFlood(t *testing.T) {
	length, rounds := time.Second, 1
	if *floodFlag {
		length, rounds = 10*time.Second, 5
	}
	s := start(t, options{tags: "none", args: []string{"--shards", "2"}})
	admin := s.dial()
	ctx := context.Background()
	newTopic(t, admin, "s", "t", 4)
	names := []string{"victim", "known"}
	for round := range rounds {
		names = append(names, fmt.Sprint("fresh", round))
	}
	for _, name := range names {
		if _, err := admin.CreateUser(ctx, name, "right-"+name, nil); err != nil {
			t.Fatal(err)
		}
	}
	loginTime(t, s, "known", "right-known") // is remembered from now on

	var quiet, flooded []time.Duration
	for round := range rounds {
		quiet = append(quiet, produce(t, s, length))
		end := flood(t, s)
		var logins sync.WaitGroup
		for _, name := range []string{"known", fmt.Sprint("fresh", round)} {
			logins.Add(1)
			go func() {
				defer logins.Done()
				took := loginTime(t, s, name, "right-"+name)
				t.Logf("under the flood, %s logs in after %v", name, took.Round(time.Millisecond))
				if *floodFlag && took > 2*time.Second {
					t.Errorf("a right login took %v", took)
				}
			}()
		}
		flooded = append(flooded, produce(t, s, length))
		logins.Wait()
		tried, refused := end()
		t.Logf("%d wrong logins begun, %d refused, in %v; p99 of a send %v without, %v with", tried, refused, length, quiet[round], flooded[round])
		if refused == 0 {
			t.Error("no wrong login was answered")
		}
	}
	slices.Sort(quiet)
	slices.Sort(flooded)
	ratio := float64(flooded[rounds/2]) / float64(quiet[rounds/2])
	t.Logf("p99 of a send: %v without, %v with the flood, ratio %.2f", quiet[rounds/2], flooded[rounds/2], ratio)
	if *floodFlag && ratio > 1.2 {
		t.Errorf("p99 of sends is %.2f times that without wrong logins, want at most 1.2", ratio)
	}
}

// loginTime logs in on a new connection, again and again while the broker says that it is busy, as clients do.
func loginTime(t *testing.T, s *server, user, password string) time.Duration {
	begin := time.Now()
	c, err := client.Dial(context.Background(), s.Address)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	if _, err := c.Login(context.Background(), user, password); err != nil {
		t.Errorf("right login of %s: %v", user, err)
	}
	return time.Since(begin)
}

// flood begins to try wrong passwords, half of them for a user that is there, and returns what ends it.
func flood(t *testing.T, s *server) (end func() (tried, refused uint64)) {
	ctx, cancel := context.WithCancel(context.Background())
	due := make(chan int)
	var clients sync.WaitGroup
	var refused atomic.Uint64
	for range floodClients {
		c, err := client.Dial(ctx, s.Address)
		if err != nil {
			t.Fatal(err)
		}
		clients.Add(1)
		go func() {
			defer clients.Done()
			defer c.Close()
			for i := range due {
				user := "victim"
				if i%2 == 0 {
					user = fmt.Sprint("nobody", i%50)
				}
				_, err := c.Login(ctx, user, fmt.Sprint("wrong", i))
				switch {
				case errors.Is(err, wire.StatusInvalidCredentials):
					refused.Add(1)
				case err == nil:
					t.Errorf("a wrong password of %s is accepted", user)
				}
			}
		}()
	}
	var tried uint64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second / floodRate)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				close(due)
				return
			case <-tick.C:
			}
			select {
			case due <- i:
				tried++
			case <-ctx.Done():
			}
		}
	}()
	return func() (uint64, uint64) {
		cancel()
		<-ended
		clients.Wait()
		return tried, refused.Load()
	}
}

// produce sends from four connections for a while, at a pace that leaves the cores idle at times, and returns the p99.
func produce(t *testing.T, s *server, length time.Duration) time.Duration {
	var mu sync.Mutex
	var all []time.Duration
	var clients sync.WaitGroup
	for k := range uint32(4) {
		c := s.dial()
		clients.Add(1)
		go func() {
			defer clients.Done()
			var mine []time.Duration
			b := single(make([]byte, 1000))
			for end := time.Now().Add(length); time.Now().Before(end); {
				begin := time.Now()
				if _, err := c.Send(context.Background(), wire.Named("s"), wire.Named("t"), k, b); err != nil {
					t.Error(err)
					return
				}
				mine = append(mine, time.Since(begin))
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		}()
	}
	clients.Wait()
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// TestWrongUserAndWrongPasswordLookAlike measures how long refusals take, in turn.
func TestWrongUserAndWrongPasswordLookAlike(t *testing.T) {
	s := start(t, options{tags: "none", args: []string{"--shards", "1"}})
	admin := s.dial()
	n := 10
	if *floodFlag {
		n = 40
	}
	for i := range n {
		if _, err := admin.CreateUser(context.Background(), fmt.Sprint("user", i), "right", nil); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.Dial(context.Background(), s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	refusal := func(user string) time.Duration {
		begin := time.Now()
		if _, err := c.Login(context.Background(), user, "wrong"); !errors.Is(err, wire.StatusInvalidCredentials) {
			t.Fatalf("%s: %v, want %v", user, err, wire.StatusInvalidCredentials)
		}
		return time.Since(begin)
	}
	refusal("warm-up") // the child that hashes starts with it
	var known, unknown []time.Duration
	for i := range n {
		known = append(known, refusal(fmt.Sprint("user", i)))
		unknown = append(unknown, refusal(fmt.Sprint("none", i)))
	}
	slices.Sort(known)
	slices.Sort(unknown)
	k, u := known[n/2], unknown[n/2]
	t.Logf("median of %d refusals: %v for a wrong password, %v for an unknown user", n, k, u)
	if apart := float64(k-u) / float64(u); *floodFlag && (apart > 0.05 || apart < -0.05) {
		t.Errorf("%.1f %% apart, want at most 5 %%", 100*apart)
	}
}

// TestNoSecretIsWritten uses passwords and tokens in every way there is, and looks for them in all that the broker has written.
func TestNoSecretIsWritten(t *testing.T) {
	ctx := context.Background()
	secrets := []string{"planted-root-password", "planted-user-password", "planted-new-password", "planted-wrong-password", "planted-token-that-is-none"}
	dir := t.TempDir()
	o := options{dir: dir, env: []string{"GALGO_ROOT_PASSWORD=" + secrets[0]}, args: []string{"--log-level", "debug", "--shards", "2", "--journal-size", "8MiB"}}
	s := start(t, o)
	var log bytes.Buffer
	dial := func(user, password string) (*client.Client, error) {
		c, err := client.Dial(ctx, s.Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_, err = c.Login(ctx, user, password)
		return c, err
	}
	root, err := dial("iggy", secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.CreateUser(ctx, "user", secrets[1], nil); err != nil {
		t.Fatal(err)
	}
	user, err := dial("user", secrets[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := user.ChangePassword(ctx, wire.Named("user"), secrets[1], secrets[2]); err != nil {
		t.Fatal(err)
	}
	if _, err := dial("user", secrets[3]); err == nil {
		t.Fatal("a wrong password is accepted")
	}
	token, err := user.CreateToken(ctx, "token", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range []string{token, secrets[4]} {
		c, err := client.Dial(ctx, s.Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := c.LoginWithToken(ctx, tok); (err == nil) != (tok == token) {
			t.Fatalf("login with a token: %v", err)
		}
	}
	secrets = append(secrets, token)
	log.WriteString(s.Log())
	s.Kill()
	s = start(t, o) // what is in the journal goes into the state file
	log.WriteString(s.Log())
	s.stop()
	log.WriteString(s.Log())
	look := func(where string, p []byte) {
		for _, secret := range secrets {
			if bytes.Contains(p, []byte(secret)) {
				t.Errorf("%s has the secret %.20q", where, secret)
			}
		}
	}
	look("the log", log.Bytes())
	files := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		p, err := os.ReadFile(path)
		look(path, p)
		files++
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files looked at, %v", files, err)
	}
}
