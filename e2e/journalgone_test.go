package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// TestMissingJournalsAreRefused: a directory whose journals are not there, all or one file, is refused after a kill, and the error
// names what is missing and the flag that accepts the loss. With the flag no offset is told again, and the gap is said. So it is
// with journals of an older run under newer data.
func TestMissingJournalsAreRefused(t *testing.T) {
	args := []string{"--shards", "2", "--journal-size", "8MiB"}
	journals := func(dir string) []string {
		files, err := filepath.Glob(filepath.Join(dir, "journal", "*.journal"))
		if err != nil || len(files) != 4 {
			t.Fatalf("journals %v, %v", files, err)
		}
		return files
	}
	for name, take := range map[string]func(dir string, old map[string][]byte) []string{
		"all": func(dir string, _ map[string][]byte) []string {
			files := journals(dir)
			if err := os.RemoveAll(filepath.Join(dir, "journal")); err != nil {
				t.Fatal(err)
			}
			return files
		},
		"one": func(dir string, _ map[string][]byte) []string {
			file := journals(dir)[2]
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			return []string{file}
		},
		"older": func(dir string, old map[string][]byte) []string {
			for file, p := range old {
				if err := os.WriteFile(file, p, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return journals(dir)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := start(t, options{dir: dir, args: args})
			c := s.dial()
			ctx := context.Background()
			if _, err := c.CreateStream(ctx, "s"); err != nil {
				t.Fatal(err)
			}
			if _, err := c.CreateTopic(ctx, wire.Named("s"), "t", 2); err != nil {
				t.Fatal(err)
			}
			sendHundred(t, c)
			s.stop()
			old := map[string][]byte{}
			for _, file := range journals(dir) {
				p, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				old[file] = p
			}
			s = start(t, options{dir: dir, args: args})
			last := sendHundred(t, s.dial())
			s.Kill()
			missing := take(dir, old)

			refused, err := tryStart(t, options{dir: dir, args: args})
			if err == nil {
				t.Fatal("the start says nothing")
			}
			for _, part := range append(missing, "--accept-loss") {
				if part = filepath.Base(part); !strings.Contains(refused.Log(), part) {
					t.Errorf("%s is not named in\n%s", part, refused.Log())
				}
			}
			s = start(t, options{dir: dir, args: append(args, "--accept-loss")})
			c = s.dial()
			for p, told := range last {
				placed, err := c.Send(ctx, wire.Named("s"), wire.Named("t"), uint32(p), batchOfOne(t, "third"))
				if err != nil || !placed.Told || placed.BaseOffset <= told {
					t.Errorf("partition %d: the next message gets offset %d, %d was told, %v", p, placed.BaseOffset, told, err)
				}
			}
			s.says("the loss of journals is accepted")
			s.says("offsets skipped")
			s.stop()
			if strings.Contains(s.Log(), "start once with --accept-loss") {
				t.Errorf("the log asks for the loss to be accepted, which it is:\n%s", s.Log())
			}
			start(t, options{dir: dir, args: args}).stop() // no loss any more
		})
	}
}

func batchOfOne(t *testing.T, payload string) batch.Batch {
	t.Helper()
	var b batch.Builder
	b.Reset(1)
	if err := b.Add([16]byte{1}, []byte(payload), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sendHundred sends to both partitions and returns the last offset told in each.
func sendHundred(t *testing.T, c *client.Client) (last [2]uint64) {
	t.Helper()
	for i := range 100 {
		for p := range last {
			placed, err := c.Send(context.Background(), wire.Named("s"), wire.Named("t"), uint32(p), batchOfOne(t, fmt.Sprint("message ", i)))
			if err != nil || !placed.Told {
				t.Fatal(placed, err)
			}
			last[p] = placed.BaseOffset
		}
	}
	return last
}

// TestJournalsOfVersion1AreMissed: a directory of the first version does not say which journals its run had. That there are none, or none of
// a shard below another one's, tells all the same, when it is taken over.
func TestJournalsOfVersion1AreMissed(t *testing.T) {
	for _, gone := range []string{"shard-*", "shard-0000-*", "shard-0001-1*"} {
		t.Run(gone, func(t *testing.T) {
			to := t.TempDir()
			unpack(t, filepath.Join(directoriesPath, "v1-killed.tgz"), to)
			o := options{dir: filepath.Join(to, "data"), args: []string{"--shards", "2", "--pin=false", "--memory", "192MiB"}}
			files, err := filepath.Glob(filepath.Join(o.dir, "journal", gone))
			if err != nil || len(files) == 0 {
				t.Fatal("nothing to remove", err)
			}
			for _, file := range files {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			refused, err := tryStart(t, o)
			if err == nil {
				t.Fatal("the start says nothing")
			}
			for _, part := range []string{filepath.Base(files[0]), "--accept-loss"} {
				if !strings.Contains(refused.Log(), part) {
					t.Errorf("%s is not named in\n%s", part, refused.Log())
				}
			}
			args := o.args
			o.args = append(args, "--accept-loss")
			start(t, o).stop()
			o.args = args
			start(t, o).stop() // no loss any more
		})
	}
}
