package auth

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// workerArg makes the test binary play the child.
const workerArg = "play-the-hashing-process"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerArg {
		if err := ServeWorker(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// eachWay runs a test with a child process and without.
func eachWay(t *testing.T, config Config, f func(t *testing.T, h *Hasher)) {
	for name, command := range map[string][]string{"child": {"/proc/self/exe", workerArg}, "here": nil} {
		t.Run(name, func(t *testing.T) {
			config.Command = command
			h := NewHasher(config)
			defer h.Close()
			f(t, h)
		})
	}
}

func TestHashIsVerified(t *testing.T) {
	eachWay(t, Config{}, func(t *testing.T, h *Hasher) {
		phc, err := h.Hash([]byte("secret"))
		if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Fatalf("hash %q, %v", phc, err)
		}
		again, err := h.Hash([]byte("secret"))
		if err != nil || again == phc {
			t.Fatalf("the same hash twice, or %v: the salt is not random", err)
		}
		if !h.Verify(phc, []byte("secret")) {
			t.Error("the password is not accepted")
		}
		for _, wrong := range []string{"", "Secret", "secret ", strings.Repeat("x", 5000)} {
			if h.Verify(phc, []byte(wrong)) {
				t.Errorf("password %.20q is accepted", wrong)
			}
		}
		for _, broken := range []string{"", "secret", phc[:len(phc)-1], strings.Repeat("$", 5000)} {
			if h.Verify(broken, []byte("secret")) {
				t.Errorf("hash %.20q accepts a password", broken)
			}
		}
		if _, err := h.Hash(make([]byte, passwordBytesMax+1)); !errors.Is(err, ErrPassword) {
			t.Errorf("a long password: %v, want %v", err, ErrPassword)
		}
	})
}

// TestKnownHash checks against a hash of Argon2's own command line: argon2 somesalt -id -t 2 -k 65536 -p 1 -l 24.
func TestKnownHash(t *testing.T) {
	h, err := parsePHC("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil {
		t.Fatal(err)
	}
	if !verify(h.String(), []byte("password")) {
		t.Fatal("the reference hash is not verified")
	}
}

func TestPHCText(t *testing.T) {
	good := phc{params: current, salt: bytes.Repeat([]byte{1}, 16), key: bytes.Repeat([]byte{2}, 32)}.String()
	if h, err := parsePHC(good); err != nil || h.String() != good {
		t.Fatalf("%s reads as %s, %v", good, h, err)
	}
	f := func(from, to string) {
		t.Helper()
		bad := strings.Replace(good, from, to, 1)
		if _, err := parsePHC(bad); !errors.Is(err, ErrFormat) || bad == good {
			t.Errorf("%s: %v, want %v", bad, err, ErrFormat)
		}
	}
	f("argon2id", "argon2i")
	f("v=19", "v=16")
	f("m=19456", "m=0")
	f("m=19456", "m=7")
	f("m=19456", "m=262145") // would take 256 MiB and one KiB
	f("m=19456", "m=-1")
	f("m=19456", "19456")
	f("t=2", "t=17")
	f("t=2", "t=0")
	f("p=1", "p=5")
	f("p=1", "p=1,x=1")
	f("AQEBAQEBAQEBAQEBAQEBAQ", "AQEB")
	f("AQEBAQEBAQEBAQEBAQEBAQ", "AQ EBAQEBAQEBAQEBAQEBAQ")
	f("$AgI", "$*gI")
	f("$argon2id", "argon2id")
}

func TestFullQueueIsBusy(t *testing.T) {
	eachWay(t, Config{QueueMax: 2}, func(t *testing.T, h *Hasher) {
		entered, leave := make(chan bool), make(chan bool)
		if err := h.Submit(Job{}, func(bool) { entered <- true; <-leave }); err != nil {
			t.Fatal(err)
		}
		<-entered // the Hasher's goroutine stands in done: nothing is taken out of the queue
		var wait sync.WaitGroup
		wait.Add(2)
		for range 2 {
			if err := h.Submit(Job{}, func(bool) { wait.Done() }); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Submit(Job{}, func(bool) { t.Error("a refused job was done") }); !errors.Is(err, ErrBusy) {
			t.Errorf("a third in a queue of two: %v, want %v", err, ErrBusy)
		}
		leave <- true
		wait.Wait()
	})
}

func TestCloseAnswersWhatWaits(t *testing.T) {
	eachWay(t, Config{}, func(t *testing.T, h *Hasher) {
		answers := 0
		for range 3 {
			if err := h.Submit(Job{}, func(bool) { answers++ }); err != nil {
				t.Fatal(err)
			}
		}
		h.Close()
		h.Close()
		if answers != 3 {
			t.Fatalf("%d of 3 jobs answered", answers)
		}
		if err := h.Submit(Job{}, nil); !errors.Is(err, ErrClosed) {
			t.Fatalf("after Close: %v, want %v", err, ErrClosed)
		}
	})
}

func TestPasswordMayBeReusedAfterSubmit(t *testing.T) {
	h := NewHasher(Config{})
	defer h.Close()
	password, done := []byte("secret"), make(chan bool, 1)
	phc := hash(password)
	if err := h.Submit(Job{phc, password}, func(ok bool) { done <- ok }); err != nil {
		t.Fatal(err)
	}
	copy(password, "xxxxxx")
	if !<-done {
		t.Fatal("the password was not copied")
	}
}

func TestHasherOutlivesItsChild(t *testing.T) {
	f := func(name string, command ...string) {
		t.Helper()
		h := NewHasher(Config{Command: command})
		defer h.Close()
		if phc, err := h.Hash([]byte("secret")); err != nil || !h.Verify(phc, []byte("secret")) {
			t.Errorf("%s: no hash, %v", name, err)
		}
	}
	f("no such program", "/nowhere/at/all")
	f("dies at once", "/bin/false")
	f("answers nonsense", "/bin/echo", "nonsense")
}

func TestWorkerRefusesNonsense(t *testing.T) {
	f := func(in []byte, ok bool) {
		t.Helper()
		if err := ServeWorker(bytes.NewReader(in), io.Discard); (err == nil) != ok {
			t.Errorf("% x: %v", in, err)
		}
	}
	f(nil, true)
	f([]byte{9, 0, 0, 0, 0}, false)
	f([]byte{opVerify, 0}, false)
	f([]byte{opVerify, 2, 0, 0, 0, 'x'}, false)
	f([]byte{opVerify, 0xff, 0xff, 0, 0}, false)
	f([]byte{opHash, 0, 0, 0xff, 0xff}, false)
}

// TestChildKeepsTheCollectorQuiet is the reason for the child: hashes in this process are collector cycles.
func TestChildKeepsTheCollectorQuiet(t *testing.T) {
	cycles := func(command ...string) uint32 {
		h := NewHasher(Config{Command: command})
		defer h.Close()
		h.Verify("", nil) // the child starts
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 8 {
			h.Verify("", nil)
		}
		runtime.ReadMemStats(&after)
		return after.NumGC - before.NumGC
	}
	child, here := cycles("/proc/self/exe", workerArg), cycles()
	if t.Logf("8 hashes: %d cycles with a child, %d without", child, here); child > 1 || here < 4 {
		t.Errorf("8 hashes are %d collector cycles with a child and %d without, want none and about 8", child, here)
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(hash([]byte("secret")))
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AQEBAQEBAQEBAQ$AgICAgICAgICAgICAgICAg")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parsePHC(text)
		if err != nil {
			return
		}
		if again, err := parsePHC(h.String()); err != nil || again.String() != h.String() {
			t.Fatalf("%q reads as %v, and that as %v, %v", text, h, again, err)
		}
	})
}

// BenchmarkVerify is what one login costs, with a child and without.
func BenchmarkVerify(b *testing.B) {
	for name, command := range map[string][]string{"child": {"/proc/self/exe", workerArg}, "here": nil} {
		b.Run(name, func(b *testing.B) {
			h := NewHasher(Config{Command: command})
			defer h.Close()
			h.Verify("", nil)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				h.Verify("", nil)
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.NumGC-before.NumGC)/float64(b.N), "gc/op")
			b.ReportMetric(float64(after.PauseTotalNs-before.PauseTotalNs)/float64(b.N), "pause-ns/op")
		})
	}
}
