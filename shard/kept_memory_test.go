package shard_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/uring"
)

// unclosedIO is an IO whose operations do not end in time where hangs is set, as on a disk that hangs. It notes where the memory
// lies that the kernel was given, and of that what is still there when the IO is closed: a shard gives memory back while it serves too.
type unclosedIO struct {
	uring.IO
	hangs bool
	used  map[uintptr]bool
}

func (x *unclosedIO) Submit(op *uring.Op) uring.Handle {
	if op.Kind == uring.KindWrite {
		x.used[uintptr(unsafe.Pointer(unsafe.SliceData(op.Buf)))] = true
	}
	return x.IO.Submit(op)
}

func (x *unclosedIO) Close() error {
	err := x.IO.Close()
	maps, unread := os.ReadFile("/proc/self/maps")
	for at := range x.used {
		if !mapped(string(maps), at) {
			delete(x.used, at)
		}
	}
	if x.hangs {
		err = errors.Join(err, errors.New("operations did not end: 1"))
	}
	return errors.Join(err, unread)
}

// TestMemoryOfUnendedOperationsIsKept: when the IO of a shard could not be closed, no shard's memory is given back to the machine,
// where something else could be mapped in its place.
func TestMemoryOfUnendedOperationsIsKept(t *testing.T) {
	var mu sync.Mutex
	var ios []*unclosedIO
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.Log = zap.NewNop()
		c.WrapIO = func(i int, io uring.IO) uring.IO {
			mu.Lock()
			defer mu.Unlock()
			x := &unclosedIO{io, i == 0, map[uintptr]bool{}}
			ios = append(ios, x)
			return x
		}
	})
	c := s.dial(t)
	stream, topic := topicWith(t, c, 4)
	for part := range uint32(4) {
		if _, err := c.Send(context.Background(), stream, topic, part, oneBatch(t, 10, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	s.stop(t)
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, x := range ios {
		for at := range x.used {
			if n++; !mapped(string(maps), at) {
				t.Errorf("memory at %#x, which the kernel was given, is mapped no more", at)
			}
		}
	}
	if n == 0 {
		t.Fatal("no write was seen")
	}
}

func mapped(maps string, at uintptr) bool {
	for line := range strings.Lines(maps) {
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil && at >= from && at < to {
			return true
		}
	}
	return false
}
