package uring

// What the kernel and a ring say to each other: constants, and structures as io_uring_setup(2), io_uring_enter(2) and
// io_uring_register(2) describe them. x/sys has none of it. A test checks sizes and offsets.

const (
	sysSetup    = 425
	sysEnter    = 426
	sysRegister = 427
)

// Set-up flags.
const (
	setupCQSize       = 1 << 3
	setupClamp        = 1 << 4
	setupSubmitAll    = 1 << 7
	setupCoopTaskrun  = 1 << 8
	setupTaskrunFlag  = 1 << 9
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13
	setupNoSQArray    = 1 << 16
)

// Features that io_uring_setup reports, and that a ring cannot do without.
const (
	featSingleMmap   = 1 << 0
	featNoDrop       = 1 << 1
	featSubmitStable = 1 << 2
	featFastPoll     = 1 << 5
	featExtArg       = 1 << 8
	featNoIOWait     = 1 << 17

	featuresNeeded = featSingleMmap | featNoDrop | featSubmitStable | featFastPoll | featExtArg
)

// Flags of io_uring_enter.
const (
	enterGetEvents      = 1 << 0
	enterExtArg         = 1 << 3
	enterRegisteredRing = 1 << 4
	enterNoIOWait       = 1 << 7
)

// Bits that the kernel sets in the flags word of the submission queue.
const (
	sqCQOverflow = 1 << 1
	sqTaskrun    = 1 << 2
)

// Codes of io_uring_register.
const (
	registerFiles      = 2
	unregisterFiles    = 3
	registerProbe      = 8
	registerIOWQAff    = 17
	registerIOWQMax    = 19
	registerRingFDs    = 20
	registerPbufRing   = 22
	unregisterPbufRing = 23
)

// Operation codes.
const (
	opNop         = 0
	opFsync       = 3
	opPollAdd     = 6
	opSendmsg     = 9
	opAccept      = 13
	opAsyncCancel = 14
	opFallocate   = 17
	opOpenat      = 18
	opClose       = 19
	opStatx       = 21
	opRead        = 22
	opWrite       = 23
	opSend        = 26
	opRecv        = 27
	opRenameat    = 35
	opUnlinkat    = 36
	opMkdirat     = 37
	opMsgRing     = 40
	opFtruncate   = 55
	opLast        = 62
)

// Flags of a submission entry and of single operations.
const (
	sqeBufferSelect   = 1 << 5
	sqeCQESkipSuccess = 1 << 6

	acceptMultishot = 1 << 0
	recvMultishot   = 1 << 1
	fsyncDatasync   = 1 << 0
	cancelAll       = 1 << 0
	cancelAny       = 1 << 2
)

// Flags of a completion entry.
const (
	cqeBuffer      = 1 << 0
	cqeMore        = 1 << 1
	cqeBufferShift = 16
)

const (
	mapRing = 0
	mapSQEs = 0x10000000
)

// sqOffsets and cqOffsets say where the words of a queue lie in its mapping.
type sqOffsets struct {
	head, tail, ringMask, ringEntries, flags, dropped, array, resv1 uint32
	userAddr                                                        uint64
}

type cqOffsets struct {
	head, tail, ringMask, ringEntries, overflow, cqes, flags, resv1 uint32
	userAddr                                                        uint64
}

type setupParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	resv                                                                   [3]uint32
	sqOff                                                                  sqOffsets
	cqOff                                                                  cqOffsets
}

// sqe is a submission entry. Fields are named for what they mean most often.
type sqe struct {
	opcode   uint8
	flags    uint8
	ioprio   uint16
	fd       int32
	off      uint64 // or addr2
	addr     uint64
	len      uint32
	opFlags  uint32 // rw_flags, msg_flags, accept_flags, open_flags, ...
	userData uint64
	bufGroup uint16
	persona  uint16
	fileIdx  uint32
	addr3    uint64
	pad      uint64
}

type cqe struct {
	userData uint64
	res      int32
	flags    uint32
}

type timespec struct{ sec, nsec int64 }

type geteventsArg struct {
	sigmask     uint64
	sigmaskSize uint32
	minWaitUsec uint32
	ts          uint64
}

const geteventsArgSize = 24

type bufReg struct {
	ringAddr    uint64
	ringEntries uint32
	bgid        uint16
	flags       uint16
	resv        [3]uint64
}

// pbuf is a slot of a provided-buffer ring. The tail of the ring lies in the last two bytes of slot 0.
type pbuf struct {
	addr uint64
	len  uint32
	bid  uint16
	tail uint16
}

type probeOp struct {
	op    uint8
	resv  uint8
	flags uint16
	resv2 uint32
}

type probe struct {
	lastOp uint8
	opsLen uint8
	resv   uint16
	resv2  [3]uint32
	ops    [256]probeOp
}

const probeSupported = 1

type rsrcUpdate struct {
	offset uint32
	resv   uint32
	data   uint64
}

type iovec struct{ base, len uint64 }

type msghdr struct {
	name       uint64
	nameLen    uint32
	pad1       uint32
	iov        uint64
	iovLen     uint64
	control    uint64
	controlLen uint64
	flags      int32
	pad2       uint32
}
