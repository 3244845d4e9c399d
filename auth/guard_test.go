package auth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestGuard(t testing.TB, command ...string) *Guard {
	g := NewGuard(NewHasher(Config{Command: command}))
	t.Cleanup(g.Close)
	return g
}

// login has a password checked and waits for it.
func (g *Guard) login(t testing.TB, account, address, phc, password string) bool {
	t.Helper()
	done := make(chan bool, 1)
	if err := g.Verify(account, address, phc, []byte(password), func(ok bool) { done <- ok }); err != nil {
		t.Fatal(err)
	}
	return <-done
}

func TestGuardVerifies(t *testing.T) {
	g := newTestGuard(t)
	phc := hash([]byte("secret"))
	f := func(phc, password string, ok bool) {
		t.Helper()
		if g.login(t, "ann", "127.0.0.1", phc, password) != ok {
			t.Errorf("password %.20q against %.20q is not %v", password, phc, ok)
		}
	}
	f(phc, "secret", true)
	f(phc, "secret", true)
	f(phc, "Secret", false)
	f("", "secret", false)
	f(phc, string(make([]byte, passwordBytesMax+1)), false)
	f(hash([]byte("other")), "secret", false) // the password was changed: what is remembered counts no more
	if c := g.Counters(); c.Attempts != 6 || c.Right != 1 || c.Remembered != 1 || c.Wrong != 4 || c.Known != 1 {
		t.Errorf("counters %+v", c)
	}
}

func TestGuardHashes(t *testing.T) {
	g := newTestGuard(t)
	done := make(chan string, hashesMax)
	for range hashesMax {
		if err := g.Hash([]byte("secret"), func(phc string, err error) { done <- phc }); err != nil {
			t.Fatal(err)
		}
	}
	if phc := <-done; !g.login(t, "ann", "::1", phc, "secret") {
		t.Errorf("hash %s is not of its password", phc)
	}
	if err := g.Hash(make([]byte, passwordBytesMax+1), nil); !errors.Is(err, ErrPassword) {
		t.Errorf("a long password: %v", err)
	}
	for range hashesMax - 1 {
		<-done
	}
	if n := g.hashes.Load(); n != 0 {
		t.Errorf("%d hashes on their way when all are done", n)
	}
}

func TestGuardCloseAnswersAll(t *testing.T) {
	g := NewGuard(NewHasher(Config{}))
	var answered atomic.Int32
	taken := int32(0)
	for i := range 500 {
		if g.Verify("ann", fmt.Sprint("10.0.0.", i%3), "", []byte("x"), func(ok bool) { answered.Add(1) }) == nil {
			taken++
		}
	}
	g.Close()
	g.Close()
	if answered.Load() != taken {
		t.Errorf("%d of %d answered", answered.Load(), taken)
	}
	if err := g.Verify("ann", "10.0.0.1", "", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := g.Hash(nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a hash after Close: %v", err)
	}
}

// TestGuardFromManySides is for the race detector; every attempt that is taken is answered once.
func TestGuardFromManySides(t *testing.T) {
	g := newTestGuard(t)
	phc := hash([]byte("secret"))
	var all sync.WaitGroup
	var busy atomic.Int32
	for side := range 8 {
		all.Go(func() {
			for i := range 40 {
				all.Add(1)
				password := []byte("secret")
				if side > 2 {
					password = fmt.Append(nil, "wrong", i)
				}
				if err := g.Verify("ann", fmt.Sprint("10.0.0.", side), phc, password, func(ok bool) {
					if ok != (side <= 2) && side != 2 {
						t.Errorf("side %d is answered %v", side, ok)
					}
					all.Done()
				}); err != nil {
					busy.Add(1)
					all.Done()
				}
				clear(password) // it was copied
				g.Counters()
			}
		})
	}
	all.Wait()
	if c := g.Counters(); c.Waiting != 0 || c.Attempts != 320 || c.Busy != uint64(busy.Load()) {
		t.Errorf("counters %+v, %d were busy", c, busy.Load())
	}
}

func TestNetwork(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := network(in); got != want {
			t.Errorf("%q counts as %q, want %q", in, got, want)
		}
	}
	f("10.1.2.3", "10.1.2.3")
	f("::ffff:10.1.2.3", "10.1.2.3")
	f("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")
	f("fe80::1%eth0", "fe80::/64")
	f("", "")
	f("nonsense", "nonsense")
}

// TestUnknownUserTakesAsLong measures an unknown user and a wrong password by turns, and fails far beyond the 5 % that
// are promised: a machine under load says nothing about less.
func TestUnknownUserTakesAsLong(t *testing.T) {
	g := newTestGuard(t, "/proc/self/exe", workerArg)
	phc := hash([]byte("secret"))
	if !g.login(t, "ann", "10.0.0.0", phc, "secret") { // remembered: that must not show either
		t.Fatal("the right password is wrong")
	}
	var took [2][]time.Duration
	for i := range 40 {
		address := fmt.Sprint("10.0.0.", 1+i/4) // never suspect
		for which, stored := range []string{phc, ""} {
			account := []string{"ann", "nobody"}[which]
			begin := time.Now()
			g.login(t, account, address, stored, fmt.Sprint("wrong", i))
			took[which] = append(took[which], time.Since(begin))
		}
	}
	for _, all := range took {
		slices.Sort(all)
	}
	wrong, unknown := took[0][20], took[1][20]
	ratio := float64(unknown) / float64(wrong)
	t.Logf("medians: wrong password %v, unknown user %v, ratio %.3f", wrong, unknown, ratio)
	if ratio < 0.5 || ratio > 2 {
		t.Errorf("an unknown user takes %v, a wrong password %v", unknown, wrong)
	}
}

// TestChildIsOfLowPriority looks at every thread of the child, not only at its first.
func TestChildIsOfLowPriority(t *testing.T) {
	w := worker{command: []string{"/proc/self/exe", workerArg}, timeout: DefaultTimeout, log: NewHasher(Config{}).config.Log}
	defer w.stop()
	if _, err := w.ask(request{op: opVerify}); err != nil {
		t.Fatal(err)
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", w.child.Process.Pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no threads of the child, %v", err)
	}
	for _, task := range tasks {
		id, _ := strconv.Atoi(filepath.Base(task))
		if nice, err := threadNice(id); err == nil && nice < childNice {
			t.Errorf("thread %d of %d has nice %d, want %d", id, len(tasks), nice, childNice)
		}
	}
	tasks, _ = filepath.Glob("/proc/self/task/*")
	low := 0
	for _, task := range tasks {
		id, _ := strconv.Atoi(filepath.Base(task))
		if nice, err := threadNice(id); err == nil && nice >= childNice {
			low++
		}
	}
	if main, err := threadNice(os.Getpid()); err != nil || main >= childNice || low > 1 {
		t.Errorf("main thread has nice %d, %v; %d of %d threads of this process are low", main, err, low, len(tasks))
	}
}

// BenchmarkLoginBesideBusyCores is what a right login takes from a clean address, when every core has a pinned thread
// that never sleeps and 200 wrong logins a second come from elsewhere; and what that takes from the threads.
func BenchmarkLoginBesideBusyCores(b *testing.B) {
	for _, rate := range []int{0, 200} {
		b.Run(fmt.Sprint(rate, "_wrong_a_second"), func(b *testing.B) {
			g := newTestGuard(b, "/proc/self/exe", workerArg)
			phc := hash([]byte("secret"))
			before := childrenTime()
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 2))
			stop := make(chan struct{})
			var all sync.WaitGroup
			for cpu := range runtime.NumCPU() {
				all.Go(func() { spin(cpu, stop) })
			}
			if rate > 0 {
				all.Go(func() {
					tick := time.NewTicker(time.Second / time.Duration(rate))
					defer tick.Stop()
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						case <-tick.C:
							g.Verify(fmt.Sprint("x", i%20), "10.6.6.6", "", fmt.Append(nil, i), func(bool) {})
						}
					}
				})
			}
			time.Sleep(time.Second) // the flood has begun
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				begin := time.Now()
				if !g.login(b, fmt.Sprint("ann", i), fmt.Sprint("10.0.", i/250, ".", i%250), phc, "secret") {
					b.Fatal("the right password is refused")
				}
				took = append(took, time.Since(begin))
			}
			close(stop)
			all.Wait()
			spent := time.Since(g.start)
			g.Close() // waits for the child, whose time counts from then on
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
			b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "max-ms")
			b.ReportMetric(float64(childrenTime()-before)/float64(spent)*100, "%core")
			b.Logf("%+v", g.Counters())
		})
	}
}

// childrenTime is what children that have ended took of the processors.
func childrenTime() time.Duration {
	var use unix.Rusage
	unix.Getrusage(unix.RUSAGE_CHILDREN, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// spin keeps one CPU busy.
func spin(cpu int, stop chan struct{}) {
	runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
	var set unix.CPUSet
	set.Set(cpu)
	unix.SchedSetaffinity(0, &set)
	for {
		select {
		case <-stop:
			return
		default:
		}
	}
}
