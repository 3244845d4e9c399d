package router

import "sync/atomic"

// Sleeper is the flag by which a shard says that it is about to block, so that producers send a wake-up when one is
// needed, and only one of them does.
//
//	consumer                                  producer (any other shard)
//	1 FallAsleep: sleeping = 1                a Publish: store the mailbox's tail
//	2 look at every mailbox again             b NeedsWake: sleeping == 1 and swapped to 0?
//	  news: WakeUp, go on                       then send the wake-up
//	3 block in the kernel
//	4 WakeUp: sleeping = 0
//
// Why no wake-up is lost: 1 and a are stores, 2 and b loads of the other side's word, and Go's atomics are sequentially
// consistent, so the two sides cannot both miss the other's store (with acquire and release alone they could). A
// wake-up that arrives between 2 and 3 is already due when the consumer blocks, which therefore returns at once. The
// swap lets one of many producers pay. TestSleepProtocolLosesNoWakeUp walks every interleaving.
//
// What else the consumer waits for (its own operations, timers) is looked at in step 2 as well.
type Sleeper struct {
	_        [128]byte
	sleeping atomic.Uint32
	_        [128 - 4]byte
}

// FallAsleep announces that the owner will block. After it the owner must look at all its mailboxes once more.
func (s *Sleeper) FallAsleep() { s.sleeping.Store(1) }

// WakeUp withdraws the announcement: the owner is awake and looks at its mailboxes by itself.
func (s *Sleeper) WakeUp() { s.sleeping.Store(0) }

// NeedsWake tells a producer that has just published whether it must send the wake-up. It is true for one producer per
// sleep.
func (s *Sleeper) NeedsWake() bool {
	return s.sleeping.Load() == 1 && s.sleeping.CompareAndSwap(1, 0)
}

// WakeFailed takes NeedsWake back: the wake-up could not be delivered, so somebody has to send another. If the owner
// woke up meanwhile this costs one needless wake-up and nothing else.
func (s *Sleeper) WakeFailed() { s.sleeping.Store(1) }
