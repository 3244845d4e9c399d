package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// TestAStartNeedsNoMemoryForItsJournals: a start peaks within 32 MiB of what the broker has when it serves, whatever size its journals
// have and however the last run ended; after an orderly end it does not read them.
func TestAStartNeedsNoMemoryForItsJournals(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--shards", "2", "--journal-size", "96MiB"}
	start(t, options{dir: dir, args: args}).stop()
	s := start(t, options{dir: dir, args: args})
	if read := procNumber(t, s, "io", "read_bytes:"); read > 24<<20 {
		t.Errorf("after an orderly end %d MiB are read, of journals of 192 MiB", read>>20)
	}
	peakNear(t, s, "after an orderly end")
	s.Kill()
	s = start(t, options{dir: dir, args: args})
	peakNear(t, s, "after a kill")
	s.stop()
}

// TestASmallContainerStartsWhatALargeMachineMade: the directory is of more shards, more memory and larger journals, and full of records that
// only journals have, and it was left by a kill. A broker that sizes itself starts with it in a container of 128 MiB, and serves what is there.
func TestASmallContainerStartsWhatALargeMachineMade(t *testing.T) {
	const parts, rounds, size = 16, 60, 100_000
	g := newMemoryGroup(t, 128<<20)
	o := options{dir: t.TempDir(), tags: "none", args: []string{"--shards", "4", "--memory", "512MiB", "--journal-size", "128MiB", "--pin=false"}, wait: startMax}
	s := start(t, o)
	c := s.dial()
	newTopic(t, c, "s", "t", parts)
	b := single(make([]byte, size))
	for range rounds {
		for p := range uint32(parts) {
			if _, err := c.Send(context.Background(), wire.Named("s"), wire.Named("t"), p, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Kill()
	for _, again := range []func(){func() { s.Kill() }, func() { s.stop() }} {
		s = start(t, options{dir: o.dir, tags: o.tags, in: g, wait: startMax})
		c = s.dial()
		for p := range uint32(parts) {
			for _, at := range []uint64{0, rounds - 1} {
				if got, err := pollAt(c, "s", "t", p, at, 1); err != nil || got.Count != 1 {
					t.Errorf("partition %d: message %d: %d, %v", p, at, got.Count, err)
				}
			}
		}
		again()
	}
	g.noKills(t)
}

// TestAStartReadsLittleOfWhatIsStored: a start reads no segment that was sealed and no partition that is quiet from one end to the other, after an
// orderly end and after kill -9, and not when all that is stored has expired meanwhile.
func TestAStartReadsLittleOfWhatIsStored(t *testing.T) {
	const quiet, messages, size = 500, 2000, 50_000
	ctx := context.Background()
	// With epoll all reads of files are system calls, and the kernel counts what they return, be it in its cache or not.
	o := options{dir: t.TempDir(), tags: "none", args: []string{"--shards", "2", "--journal-size", "16MiB", "--memory", "256MiB", "--io", "epoll", "--retention-interval", "1s"}}
	s := start(t, o)
	var c *client.Client
	again := func(end func()) (read int64) {
		end()
		s = start(t, o)
		read = procNumber(t, s, "io", "rchar:")
		c = s.dial()
		return read
	}
	kill, stop := func() { s.Kill() }, func() { s.stop() }
	empty := again(kill)
	newTopic(t, c, "s", "t", 1, wire.Uint64Option("segment_size", 1<<20), wire.Uint64Option("message_expiry", 3_600_000_000))
	newTopic(t, c, "s", "quiet", quiet)
	for p := range uint32(quiet) {
		if _, err := c.Send(ctx, wire.Named("s"), wire.Named("quiet"), p, single([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	for range messages {
		if _, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), 0, single(make([]byte, size))); err != nil {
			t.Fatal(err)
		}
	}
	look := func(when string, end func()) {
		t.Helper()
		read := again(end)
		t.Logf("%s %d KiB are read, by an empty one after a kill %d KiB", when, read>>10, empty>>10)
		if read > empty+messages*size/4 {
			t.Errorf("%s %d MiB are read, by an empty one %d MiB", when, read>>20, empty>>20)
		}
		if got, err := pollAt(c, "s", "quiet", quiet-1, 0, 1); err != nil || got.Count != 1 {
			t.Errorf("%s a quiet partition has %d messages, %v", when, got.Count, err)
		}
	}
	for _, x := range []struct {
		when string
		end  func()
	}{{"after a kill", kill}, {"after an orderly end", stop}, {"after another kill", kill}} {
		look(x.when, x.end)
		if got, err := pollAt(c, "s", "t", 0, messages-1, 1); err != nil || got.Count != 1 {
			t.Errorf("%s the last message: %d, %v", x.when, got.Count, err)
		}
	}
	if err := c.UpdateTopic(ctx, wire.Named("s"), wire.Named("t"), "t", wire.Uint64Option("message_expiry", 1000)); err != nil {
		t.Fatal(err)
	}
	look("when all is expired", kill)
	eventually(t, "it is soon gone", func() bool {
		d, err := c.GetTopic(ctx, wire.Named("s"), wire.Named("t"))
		return err == nil && d.Partitions[0].SegmentsCount <= 1 && d.MessagesCount == 0
	})
	s.stop()
}

func peakNear(t *testing.T, s *server, when string) {
	t.Helper()
	if peak, now := procNumber(t, s, "status", "VmHWM:"), procNumber(t, s, "status", "VmRSS:"); peak > now+32<<10 {
		t.Errorf("%s: the start took %d MiB, serving takes %d MiB", when, peak>>10, now>>10)
	}
}

// procNumber is the number behind a name in a file of the process.
func procNumber(t *testing.T, s *server, file, name string) (n int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.Cmd.Process.Pid, file))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), name)
	if _, err := fmt.Sscan(rest, &n); !ok || err != nil {
		t.Fatalf("%s is not in %s", name, text)
	}
	return n
}

var startLog = flag.Int("start-log", 96, "MiB of log in TestAStartReadsTheJournalsAndNotTheLog, and so what its start must not read")

// TestAStartReadsTheJournalsAndNotTheLog: after kill -9 a start reads the journals once, and of the log next to nothing, whatever it
// holds; below persisted what came since a lap, of which there is one for every 128 MiB. With -v it says how long the first poll takes, counted from the start of the process: -start-log=10240 has 10 GiB of log.
func TestAStartReadsTheJournalsAndNotTheLog(t *testing.T) {
	const journals, others = 2 * 16, 40 // MiB: the files of two shards; the program, and what goes on at the ends of logs
	for _, c := range []struct {
		level       string
		log, ofLogs int // MiB: that are stored at least, and that are read at most
	}{
		{"persisted", 0, 0},
		{"written", 512, 2 * (128 + 32)}, // a lap for each shard says what is there, and what was on its way when that was written
	} {
		level, ofLogs, mib := c.level, c.ofLogs, max(c.log, *startLog)
		t.Run(level, func(t *testing.T) {
			o := options{dir: t.TempDir(), tags: "none", args: []string{"--shards", "2", "--journal-size", "16MiB", "--memory", "512MiB"}}
			s := start(t, o)
			c := s.dial()
			newTopic(t, c, "s", "t", 4, wire.TextOption("durability", level))
			sent := fillLog(t, s, 4, mib)
			s.Kill()
			forgetPages(t, s.Dir)
			begin := time.Now()
			s = start(t, o)
			serves := time.Since(begin)
			read := procNumber(t, s, "io", "read_bytes:") >> 20
			c = s.dial()
			offsets, _, err := pollAs(c, "s", "t", wire.FromLast, 0, 1)
			if err != nil || len(offsets) != 1 || offsets[0] != sent-1 {
				t.Errorf("the last message is %v (%v), %d were sent", offsets, err, sent)
			}
			t.Logf("%d MiB of log: serves after %v, with %d MiB read; first poll answered after %v; peak %d MiB", mib, serves.Round(time.Millisecond), read,
				time.Since(begin).Round(time.Millisecond), procNumber(t, s, "status", "VmHWM:")>>10)
			if read > int64(journals+others+ofLogs) {
				t.Errorf("the start read %d MiB, with %d MiB of journals and %d MiB of log", read, journals, mib)
			}
			s.stop()
		})
	}
}

// fillLog sends batches of a megabyte to the partitions of a topic, from a connection each, until there are so many MiB. It returns
// how many messages each has.
func fillLog(t *testing.T, s *server, partitions, mib int) (messages uint64) {
	var b batch.Builder
	b.Reset(0)
	payload := bytes.Repeat([]byte("galgo"), 200)
	for range 1000 {
		if err := b.Add([16]byte{}, payload, nil); err != nil {
			t.Fatal(err)
		}
	}
	all, sends := b.Bytes(), max(2, mib/partitions)
	errs := make(chan error, partitions)
	for p := range partitions {
		c := s.dial()
		go func() {
			var err error
			for i := 0; i < sends && err == nil; i++ {
				_, err = c.Send(context.Background(), wire.Named("s"), wire.Named("t"), uint32(p), slices.Clone(all))
			}
			errs <- err
		}()
	}
	for range partitions {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	return uint64(sends) * 1000
}

// forgetPages takes the files of a folder out of the page cache.
func forgetPages(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
	if err != nil {
		t.Fatal(err)
	}
}
