package uring

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Config defaults.
const (
	defaultEntries      = 512
	defaultRecvBufs     = 256
	defaultRecvBufBytes = 16 << 10
	defaultHelpers      = 2
	defaultWorkersMax   = 4
)

func (c *Config) defaults() {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&c.Entries, defaultEntries)
	set(&c.RecvBufs, defaultRecvBufs)
	set(&c.RecvBufBytes, defaultRecvBufBytes)
	set(&c.Helpers, defaultHelpers)
	set(&c.WorkersMax, defaultWorkersMax)
}

func (c *Config) check() error {
	if c.Entries&(c.Entries-1) != 0 || c.RecvBufs&(c.RecvBufs-1) != 0 || c.RecvBufs > 32768 || c.RecvBufBytes%pageSize != 0 {
		return errors.New("uring: entries and receive buffers are powers of two, buffers whole pages")
	}
	return nil
}

// Open makes an IO on the calling thread, which is its owner from now on. mode is "auto", "uring" or "epoll". With auto
// the epoll backend serves where io_uring is refused or lacks what makes it faster; note says then why, and what that
// costs, in one line.
func Open(mode string, cfg Config) (io IO, note string, err error) {
	cfg.defaults()
	if err := cfg.check(); err != nil {
		return nil, "", err
	}
	switch mode {
	case "uring":
		r, err := newRing(cfg, false)
		if err != nil {
			return nil, "", fmt.Errorf("io_uring: %w; --io auto takes epoll instead", explain(err))
		}
		return r, "", nil
	case "epoll":
		e, err := newEpoll(cfg)
		if err != nil {
			return nil, "", fmt.Errorf("epoll: %w", err)
		}
		return e, "", nil
	case "auto", "":
		r, err := newRing(cfg, true)
		if err == nil {
			return r, "", nil
		}
		e, epollErr := newEpoll(cfg)
		if epollErr != nil {
			return nil, "", errors.Join(fmt.Errorf("io_uring: %w", explain(err)), fmt.Errorf("epoll: %w", epollErr))
		}
		return e, fmt.Sprintf("io_uring unavailable (%v): using epoll, same results at a higher cost per request", explain(err)), nil
	}
	return nil, "", fmt.Errorf("io mode %q is not one of auto, uring, epoll", mode)
}

const refusedByProfile = "a seccomp profile or security module refuses it: it has to allow io_uring_setup, io_uring_enter and io_uring_register"

// explain adds to a refusal of io_uring what the operator can do about it.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EPERM):
		switch v := disabledSysctl(); v {
		case "0":
			return fmt.Errorf("%w; the sysctl allows it, so %s", err, refusedByProfile)
		case "":
			return fmt.Errorf("%w; %s", err, refusedByProfile)
		default:
			return fmt.Errorf("%w; kernel.io_uring_disabled is %s, and 0 would allow it", err, v)
		}
	case errors.Is(err, syscall.ENOSYS):
		return fmt.Errorf("%w; this kernel or sandbox has none, or a seccomp profile hides it", err)
	case errors.Is(err, syscall.ENOMEM):
		return fmt.Errorf("%w; the limit of locked memory is too small: raise it (ulimit -l, LimitMEMLOCK)", err)
	case errors.Is(err, errTooOld):
		return fmt.Errorf("%w; Linux 6.1 or later has it", err)
	}
	return err
}

// errTooOld: the kernel's io_uring lacks what makes it worth while.
var errTooOld = errors.New("DEFER_TASKRUN is not supported")

// disabledSysctl reads kernel.io_uring_disabled, for the message only; "" where there is no such setting.
func disabledSysctl() string {
	p, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(p))
}
