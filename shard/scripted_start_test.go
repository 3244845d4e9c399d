package shard_test

import (
	"context"
	"time"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/uring"
)

func init() {
	shard.StartServer = func(dir string, frameBytesMax int, hasher shard.Hasher, wrap func(int, uring.IO) uring.IO) (*shard.Group, func() error, error) {
		s, err := server.Start(server.Config{Config: shard.Config{DataDir: dir, FrameBytesMax: frameBytesMax, Hasher: hasher},
			Address: "127.0.0.1:0", IO: "epoll", CPUs: []int{0}, MemoryBudget: 64 << 20,
			JournalBytes: 8 << 20, WrapIO: wrap,
			Root: server.RootCredentials{Username: "iggy", PasswordPHC: func() (string, error) { return "any", nil }}})
		if err != nil {
			return nil, nil, err
		}
		return s.Group(), func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			return s.Shutdown(ctx)
		}, nil
	}
}
