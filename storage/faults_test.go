package storage_test

import (
	"syscall"

	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

func simMemory() storage.Memory { return sim.NewMemory(8 << 20) }

// faults are what may go wrong.
var faults = []sim.Fault{
	{Kind: storage.OpWrite, Path: ".journal", Err: syscall.EIO},
	{Kind: storage.OpFdatasync, Path: ".journal", Err: syscall.EIO},
	{Kind: storage.OpWrite, Path: ".segment", Err: syscall.EIO},
	{Kind: storage.OpWrite, Path: ".segment", Err: syscall.ENOSPC},
	{Kind: storage.OpRead, Path: ".segment", Err: syscall.EIO},
	{Kind: storage.OpOpen, Path: ".segment", Err: syscall.EMFILE},
	{Kind: storage.OpFallocate, Path: ".segment", Err: syscall.ENOSPC},
	{Kind: storage.OpSyncDir, Path: "/logs", Err: syscall.EIO},
	{Kind: storage.OpMkdir, Path: "/logs", Err: syscall.ENOSPC},
}

// recoveryFaults are what may go wrong while a directory is recovered.
var recoveryFaults = []sim.Fault{
	{Kind: storage.OpFdatasync, Path: ".journal", Err: syscall.EIO},
	{Kind: storage.OpFdatasync, Path: ".segment", Err: syscall.EIO},
	{Kind: storage.OpFdatasync, Path: ".state", Err: syscall.EIO},
	{Kind: storage.OpFdatasync, Path: storage.SuperblockName, Err: syscall.EIO},
	{Kind: storage.OpWrite, Path: storage.SuperblockName, Err: syscall.EIO},
	{Kind: storage.OpWrite, Path: ".segment", Err: syscall.EIO},
	{Kind: storage.OpSyncDir, Err: syscall.EIO},
	{Kind: storage.OpRename, Err: syscall.EIO},
	{Kind: storage.OpWrite, Err: syscall.ENOSPC},
}
