package auth

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// stoppedChild returns a Hasher whose child hangs, and the password's hash.
func stoppedChild(t *testing.T, config Config) (h *Hasher, phc string, pid int) {
	t.Helper()
	config.Command = []string{"/proc/self/exe", workerArg}
	h = NewHasher(config)
	phc, err := h.Hash([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	pid = h.worker.pid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return h, phc, pid
}

// TestHungChildIsReplaced: a child that does not answer in time is ended, another one does the work, and the log says so.
func TestHungChildIsReplaced(t *testing.T) {
	core, logged := observer.New(zapcore.WarnLevel)
	h, phc, pid := stoppedChild(t, Config{Timeout: 3 * time.Second, Log: zap.New(core)})
	defer h.Close()
	if !h.Verify(phc, []byte("secret")) {
		t.Error("the right password is refused, as the child hangs")
	}
	if now := h.worker.pid(); now == pid || now == 0 {
		t.Errorf("the child is process %d, after process %d has hung", now, pid)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process that hung is still there: %v", err)
	}
	if n := logged.FilterField(zap.String("event", "hash_process_replaced")).Len(); n != 1 {
		t.Errorf("%d lines that the child was replaced, want 1: %v", n, logged.All())
	}
}

// TestHungChildHoldsUpNoClose: with a child that hangs and a long timeout, Close returns, and all that waited is answered.
func TestHungChildHoldsUpNoClose(t *testing.T) {
	h, phc, pid := stoppedChild(t, Config{Timeout: time.Hour})
	answers, hashes := 0, []error{}
	for range 3 {
		if err := h.Submit(Job{PHC: phc, Password: []byte("secret")}, func(bool) { answers++ }); err != nil {
			t.Fatal(err)
		}
		if err := h.SubmitHash([]byte("secret"), func(_ string, err error) { hashes = append(hashes, err) }); err != nil {
			t.Fatal(err)
		}
	}
	h.Close()
	if answers != 3 || len(hashes) != 3 {
		t.Fatalf("%d and %d answers, want 3 and 3", answers, len(hashes))
	}
	for _, err := range hashes {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("a hash that was not made is answered with %v", err)
		}
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the child is still there: %v", err)
	}
}
