package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// smallDisk mounts an ext4 filesystem of its own, of so many MiB, and takes it away with the test.
func smallDisk(t *testing.T, mib int64) string {
	t.Helper()
	return smallDiskOf(t, mib, "mkfs.ext4", "-q", "-m", "0")
}

// smallDiskOf is smallDisk of the filesystem that mkfs makes.
func smallDiskOf(t *testing.T, mib int64, mkfs ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("no root: a full disk can't be tried, for that needs a filesystem of its own")
	}
	image, dir := filepath.Join(t.TempDir(), "disk.img"), t.TempDir()
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(mib<<20), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{append(mkfs, image), {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no filesystem of its own, so a full disk can't be tried: %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	t.Cleanup(func() {
		var err error
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if err = syscall.Unmount(dir, 0); err == nil || time.Now().After(deadline) {
				break
			}
		}
		if err != nil { // the loop device goes with the last use
			t.Errorf("unmount %s: %v", dir, err)
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return dir
}

// fillFile fills a file until it has so many bytes, or with less than 0 until not one more fits.
func fillFile(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := bytes.Repeat([]byte{0x55}, 64<<10)
	for n := int64(0); size < 0 || n < size; {
		k, err := f.Write(block)
		n += int64(k)
		switch {
		case err == nil:
		case errors.Is(err, syscall.ENOSPC) && size < 0:
			if block = block[:len(block)/2]; len(block) == 0 {
				_ = f.Sync()
				return
			}
		default:
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// sentMessage is a message that was acknowledged.
type sentMessage struct {
	number uint64
	size   int
}

// writer sends to one partition, message after message, whatever happens, and notes what was acknowledged.
type writer struct {
	topic   string
	part    uint32
	sizeMax int
	most    int           // messages; 0: until it is stopped
	acked   []sentMessage // by offset
	stored  []uint64      // offsets, one after the other
	number  uint64
	count   atomic.Int64 // of acked, for others
	refused atomic.Int64 // since the last that was acknowledged
}

func (w *writer) payload(m sentMessage) []byte {
	p := make([]byte, m.size)
	rng := rand.NewPCG(m.number, uint64(w.part))
	for i := 0; i+8 <= len(p); i += 8 {
		v := rng.Uint64()
		for k := range 8 {
			p[i+k] = byte(v >> (8 * k))
		}
	}
	copy(p, fmt.Sprintf("%s %d %d;", w.topic, w.part, m.number))
	return p
}

// run sends until end is set. An error other than that of a full disk ends it.
func (w *writer) run(c *client.Client, seed uint64, end *atomic.Bool) error {
	rng := rand.New(rand.NewPCG(seed, uint64(w.part)))
	for !end.Load() && (w.most == 0 || len(w.acked) < w.most) {
		w.number++
		m := sentMessage{w.number, 100 + rng.IntN(w.sizeMax)}
		placed, err := c.Send(context.Background(), wire.Named("full"), wire.Named(w.topic), w.part, single(w.payload(m)))
		switch {
		case errors.Is(err, wire.StatusCannotSaveMessagesToSegment) && w.most == 0:
			if w.refused.Add(1) > 3 {
				time.Sleep(10 * time.Millisecond) // as a producer does that backs off
			}
		case err != nil:
			return fmt.Errorf("%s %d, message %d: %w", w.topic, w.part, m.number, err)
		case placed.BaseOffset != uint64(len(w.acked)):
			return fmt.Errorf("%s %d: message %d got offset %d after %d messages", w.topic, w.part, m.number, placed.BaseOffset, len(w.acked))
		default:
			w.refused.Store(0)
			w.acked = append(w.acked, m)
			w.count.Add(1)
		}
	}
	return nil
}

// verify finds exactly what was acknowledged. more: a last message may be there that was not answered.
func (w *writer) verify(t *testing.T, c *client.Client, more bool) {
	t.Helper()
	n := uint64(0)
	for {
		p, err := pollAt(c, "full", w.topic, w.part, n, 100)
		if err != nil {
			t.Fatalf("%s %d, poll at %d: %v", w.topic, w.part, n, err)
		}
		if p.Count == 0 {
			break
		}
		for m := range p.Messages() {
			if m.Offset != n {
				t.Fatalf("%s %d: offset %d where %d is due", w.topic, w.part, m.Offset, n)
			}
			if n < uint64(len(w.acked)) && !bytes.Equal(m.Payload(), w.payload(w.acked[n])) {
				t.Fatalf("%s %d: wrong bytes at offset %d", w.topic, w.part, n)
			}
			n++
		}
	}
	if k := uint64(len(w.acked)); n < k || n > k && !more || n > k+1 {
		t.Errorf("%s %d: %d messages are there, %d were acknowledged", w.topic, w.part, n, k)
	}
}

// writers are writers that run until they are stopped.
type writers struct {
	t    *testing.T
	all  []*writer
	end  *atomic.Bool
	errs []error
	wait sync.WaitGroup
}

func (ws *writers) start(s *server, rng *rand.Rand) {
	ws.end, ws.errs = &atomic.Bool{}, make([]error, len(ws.all))
	var clients []*client.Client
	for range ws.all { // all, before the first fills the disk
		clients = append(clients, s.dial())
	}
	for i, w := range ws.all {
		c, seed := clients[i], rng.Uint64()
		w.refused.Store(0)
		ws.wait.Go(func() {
			ws.errs[i] = w.run(c, seed, ws.end)
			if ws.errs[i] != nil {
				w.refused.Store(1 << 40) // nobody waits for it any longer
				w.count.Store(1 << 40)
			}
		})
	}
}

// some has everybody send so many messages.
func (ws *writers) some(s *server, rng *rand.Rand, count int) {
	for _, w := range ws.all {
		w.most = count
	}
	ws.start(s, rng)
	ws.wait.Wait()
	ws.stop()
	for _, w := range ws.all {
		w.most = 0
	}
}

func (ws *writers) stop() {
	ws.t.Helper()
	ws.end.Store(true)
	ws.wait.Wait()
	for _, err := range ws.errs {
		if err != nil {
			ws.t.Error(err)
		}
	}
}

// allRefused waits until the disk is full for everybody.
func (ws *writers) allRefused() {
	ws.t.Helper()
	eventually(ws.t, "every producer is told that the disk is full", func() bool {
		for _, w := range ws.all {
			if w.refused.Load() < 3 {
				return false
			}
		}
		return true
	})
}

// goOn waits until messages are taken again; how many each of the producers gets in is between them.
func (ws *writers) goOn(before int64, cause string) {
	ws.t.Helper()
	eventually(ws.t, "writes go on after "+cause, func() bool { return ws.sum() >= before+10 })
}

func (ws *writers) sum() (n int64) {
	for _, w := range ws.all {
		n += w.count.Load()
	}
	return n
}

func (ws *writers) verify(s *server, more bool) {
	ws.t.Helper()
	c := s.dial()
	for _, w := range ws.all {
		w.verify(ws.t, c, more)
	}
}

// TestDiskFull has producers fill a disk. They are told so; reads, stored offsets and deletes go on; when there is room again,
// by a delete or by something else going away, writes resume without a restart. Nothing acknowledged is lost, then, after a
// restart, and after kill -9 and a recovery on a disk without a free byte.
func TestDiskFull(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		rng := random(t)
		disk := smallDisk(t, 48)
		fillFile(t, disk+"/filler", 4<<20)
		o := options{dir: disk + "/data", args: append(args, "--shards", "2", "--journal-size", "8MiB")}
		s := start(t, o)
		c := s.dial()
		newTopic(t, c, "full", "kept", 4)
		newTopic(t, c, "full", "victim", 2)
		newTopic(t, c, "full", "small", 2)
		victim := &writers{t: t, all: []*writer{{topic: "victim", sizeMax: 100_000}, {topic: "victim", part: 1, sizeMax: 100_000}}}
		victim.some(s, rng, 15)
		victim.verify(s, false)

		ws := &writers{t: t}
		for part := range uint32(4) {
			ws.all = append(ws.all, &writer{topic: "kept", part: part, sizeMax: 300_000})
		}
		for part := range uint32(2) {
			ws.all = append(ws.all, &writer{topic: "small", part: part, sizeMax: 4_000})
		}
		ws.some(s, rng, 2)
		ws.start(s, rng)
		ws.allRefused()
		ws.whileFull(s, c)
		before := ws.sum()
		if err := c.DeleteTopic(context.Background(), wire.Named("full"), wire.Named("victim")); err != nil {
			t.Fatalf("delete a topic when the disk is full: %v", err)
		}
		ws.goOn(before, "a topic was deleted")
		ws.allRefused()
		ws.whileFull(s, c)
		before = ws.sum()
		if err := os.Remove(disk + "/filler"); err != nil {
			t.Fatal(err)
		}
		ws.goOn(before, "a file was removed")
		ws.allRefused()
		ws.stop()
		ws.verify(s, false)
		s.says("disk full: appends are refused until there is room")
		s.stop()

		fillFile(t, disk+"/filler", -1)
		s = start(t, o)
		ws.verify(s, false)
		ws.start(s, rng) // refused all along, or not: then something is in flight
		eventually(t, "something is answered", func() bool { return ws.all[0].refused.Load() > 0 || ws.all[0].count.Load() > 0 })
		s.Kill()
		ws.end.Store(true)
		ws.wait.Wait() // their errors are the kill's
		_ = os.Remove(disk + "/filler")
		fillFile(t, disk+"/filler", -1)
		s = start(t, o)
		ws.verify(s, true)
		s.stop()
	})
}

// whileFull reads, and stores offsets, and makes and deletes a topic.
func (ws *writers) whileFull(s *server, c *client.Client) {
	t := ws.t
	t.Helper()
	ctx := context.Background()
	for _, w := range ws.all {
		n := uint64(w.count.Load())
		p, err := pollAt(c, "full", w.topic, w.part, n/2, 1)
		if err != nil || p.Count != 1 {
			t.Errorf("%s %d: poll at %d of %d when the disk is full: %d messages, %v", w.topic, w.part, n/2, n, p.Count, err)
		}
		if err := c.StoreOffset(ctx, anyone(), wire.Named("full"), wire.Named(w.topic), w.part, n/2); err != nil {
			t.Errorf("%s %d: store an offset when the disk is full: %v", w.topic, w.part, err)
		}
	}
	newTopic(t, c, "full", "passing", 1)
	if err := c.DeleteTopic(ctx, wire.Named("full"), wire.Named("passing")); err != nil {
		t.Errorf("delete a topic when the disk is full: %v", err)
	}
}

// TestDiskFullAtFirstStart: a server that finds no room for its journals says so, and starts when there is.
func TestDiskFullAtFirstStart(t *testing.T) {
	disk := smallDisk(t, 48)
	for _, free := range []int64{0, 4 << 20, 20 << 20} {
		for _, leave := range []string{"/room", "/filler"} {
			_ = os.Remove(disk + leave)
		}
		o := options{dir: disk + "/data", args: []string{"--shards", "2", "--journal-size", "16MiB"}}
		if err := os.RemoveAll(o.dir); err != nil {
			t.Fatal(err)
		}
		fillFile(t, disk+"/room", free)
		fillFile(t, disk+"/filler", -1)
		_ = os.Remove(disk + "/room")
		s, err := tryStart(t, o)
		if err == nil {
			t.Fatalf("the server starts with %d bytes free, and journals of 32 MiB", free)
		}
		if found := s.lines("no space left on device"); len(found) == 0 {
			t.Errorf("with %d bytes free: %v\n%s", free, err, tail(s.Log()))
		} else {
			t.Logf("with %d MiB free: %s", free>>20, strings.TrimSpace(found[len(found)-1]))
		}
		if err := os.Remove(disk + "/filler"); err != nil {
			t.Fatal(err)
		}
		s = start(t, o) // on what the failed start left behind
		newTopic(t, s.dial(), "full", "own", 1)
		s.stop()
	}
}
