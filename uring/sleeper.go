package uring

import "time"

// A thread that goes into the kernel by syscall.Syscall offers its processor, the runtime's right to run Go, to other threads. The offer costs some
// 100 ns. It costs more when it is taken: the runtime's monitor takes the processors of threads that it finds in the kernel, and after each one it looks
// every 20 µs for a while. Beside shards that sleep for microseconds between messages, that was 8 % of a core. A raw call offers nothing; but who stops
// the world has to wait for its end. So raw are calls that end soon: those that neither wait nor copy much, sleeps that will be short, and writes behind many that were (see inlineWriter).

const (
	// rawBytesMax bounds what a raw call copies, some 10 µs, but for what sockets bring to a ring beyond what the call before it found.
	rawBytesMax = 64 << 10

	// rawSleepMax bounds a raw sleep. The signal by which the runtime stops a thread ends it at once; the bound is for what that misses. It is longer than
	// a tick of the kernel: a shorter one has the timer of the core set anew with each sleep, which costs more than the offer where a hypervisor does it.
	rawSleepMax = 20 * time.Millisecond

	// rawSleepUsual is how long the last sleep may have been for the next to be raw.
	rawSleepUsual = 2 * time.Millisecond
)

// sleeper decides which sleeps are raw: those after a short one, if the runtime has processors enough. One that nothing has ended within its
// bound returns with nothing, and the next offers the processor for as long as it takes.
type sleeper struct {
	keeps bool // Config.KeepProc
	short bool // the last sleep was
}

// bound returns how long to sleep of timeout, which is not 0 (below zero: for ever), and whether raw.
func (s *sleeper) bound(timeout time.Duration) (time.Duration, bool) {
	switch {
	case !s.keeps || !s.short:
		return timeout, false
	case timeout < 0:
		return rawSleepMax, true
	}
	return min(timeout, rawSleepMax), true
}

// slept notes how long a sleep was.
func (s *sleeper) slept(d time.Duration) { s.short = d <= rawSleepUsual }
