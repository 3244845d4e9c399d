package diagnose

import (
	"archive/zip"
	"bytes"
	stdbzip2 "compress/bzip2"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/galgo-mq/galgo/wire"
)

// collector looks at a directory of the test's own.
func collector(t *testing.T) *Collector {
	log := NewLog(LogBytes)
	fmt.Fprintln(log, "one line")
	return New(Source{DataDir: t.TempDir(), Log: log, Facts: []Fact{{"version", "test"}},
		Shards: func() []any {
			type io struct{ Reads int }
			type stats struct {
				Turns int
				IO    io
			}
			return []any{stats{7, io{1}}, stats{8, io{2}}}
		},
		Config: func() ([]byte, error) { return []byte("io = 'auto'\n"), nil },
		Now:    func() time.Time { return time.Unix(1_800_000_000, 0) }})
}

// unpack reads an archive with other code than what packed it, where there is some.
func unpack(t *testing.T, archive []byte) (names []string, texts map[string]string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	z.RegisterDecompressor(methodBzip2, func(r io.Reader) io.ReadCloser { return io.NopCloser(stdbzip2.NewReader(r)) })
	z.RegisterDecompressor(methodZstd, func(r io.Reader) io.ReadCloser {
		d, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return d.IOReadCloser()
	})
	z.RegisterDecompressor(methodXZ, func(r io.Reader) io.ReadCloser {
		d, err := xz.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return io.NopCloser(d)
	})
	z.RegisterDecompressor(methodLZMA, func(r io.Reader) io.ReadCloser { return io.NopCloser(readLZMA(t, r)) })
	texts = map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r) // checks size and CRC
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		names, texts[f.Name] = append(names, f.Name), string(text)
	}
	return names, texts
}

// readLZMA makes an .lzma file of an entry: its header has the size, all ones for "not known".
func readLZMA(t *testing.T, r io.Reader) io.Reader {
	t.Helper()
	var head [9]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint16(head[2:]); n != lzmaProperties {
		t.Fatalf("%d bytes of properties", n)
	}
	file := append(slices.Clone(head[4:]), bytes.Repeat([]byte{0xff}, 8)...)
	d, err := lzma.NewReader(io.MultiReader(bytes.NewReader(file), r))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryTypeInEveryCompression(t *testing.T) {
	c := collector(t)
	every := []wire.SnapshotType{1, 2, 3, 4, 5, 6}
	want := strings.Fields("filesystem_overview.txt process_list.txt resource_usage.txt test.txt server_logs.txt server_config.txt")
	methods := map[wire.SnapshotCompression]uint16{1: 0, 2: 8, 3: 12, 4: 93, 5: 14, 6: 95}
	for compression, m := range methods {
		archive, err := c.Archive(wire.GetSnapshotFile{Compression: compression, Types: every})
		if err != nil {
			t.Fatalf("compression %d: %v", compression, err)
		}
		names, texts := unpack(t, archive)
		if !slices.Equal(names, want) {
			t.Fatalf("compression %d: entries %v", compression, names)
		}
		z, _ := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		for _, f := range z.File {
			if f.Method != m {
				t.Errorf("compression %d: %s has method %d, want %d", compression, f.Name, f.Method, m)
			}
		}
		for name, words := range map[string][]string{
			"filesystem_overview.txt": {"data directory " + c.source.DataDir, "room: ", "mount: ", "options "},
			"process_list.txt":        {fmt.Sprintf("this broker is %d", os.Getpid()), "resident"},
			"resource_usage.txt":      {"version  test", "IO.Reads  1  2", "Turns     7  8", "VmRSS", "Max open files", "MemAvailable", "kernel ", "cores ", "go longest pause"},
			"test.txt":                {"test\n"}, "server_logs.txt": {"one line\n"}, "server_config.txt": {"io = 'auto'\n"},
		} {
			for _, w := range words {
				if !strings.Contains(texts[name], w) {
					t.Errorf("compression %d: %s does not say %q:\n%s", compression, name, w, texts[name])
				}
			}
		}
		if texts["test.txt"] != "test\n" {
			t.Errorf("test.txt is %q", texts["test.txt"])
		}
	}
}

func TestWhichEntries(t *testing.T) {
	c := collector(t)
	f := func(types []wire.SnapshotType, want string) {
		t.Helper()
		archive, err := c.Archive(wire.GetSnapshotFile{Compression: wire.SnapshotDeflate, Types: types})
		if err != nil {
			t.Fatal(err)
		}
		if names, _ := unpack(t, archive); strings.Join(names, " ") != want {
			t.Errorf("%v: entries %v, want %s", types, names, want)
		}
	}
	f(nil, "")
	f([]wire.SnapshotType{4}, "test.txt")
	f([]wire.SnapshotType{6, 4, 6, 4, 4}, "server_config.txt test.txt")
	f([]wire.SnapshotType{100}, "filesystem_overview.txt process_list.txt resource_usage.txt server_logs.txt server_config.txt")

	bad := func(compression wire.SnapshotCompression, types ...wire.SnapshotType) {
		t.Helper()
		if _, err := c.Archive(wire.GetSnapshotFile{Compression: compression, Types: types}); err == nil {
			t.Errorf("compression %d, types %v: no error", compression, types)
		}
	}
	bad(0, 4)
	bad(7)
	bad(2, 7)
}

// TestFailuresInside: what cannot be told does not take the rest with it, and a panic is an error.
func TestFailuresInside(t *testing.T) {
	c := collector(t)
	c.source.DataDir = filepath.Join(c.source.DataDir, "gone")
	c.source.Config = func() ([]byte, error) { return nil, io.ErrUnexpectedEOF }
	c.source.Log = NewLog(10)
	archive, err := c.Archive(wire.GetSnapshotFile{Compression: wire.SnapshotStored, Types: []wire.SnapshotType{100}})
	if err != nil {
		t.Fatal(err)
	}
	_, texts := unpack(t, archive)
	for name, want := range map[string]string{"server_config.txt": "unexpected EOF", "server_logs.txt": "nothing has been logged", "filesystem_overview.txt": "no such file"} {
		if !strings.Contains(texts[name], want) {
			t.Errorf("%s: %q", name, texts[name])
		}
	}
	c.source.Config = func() ([]byte, error) { panic("no") }
	if _, err := c.Archive(wire.GetSnapshotFile{Compression: wire.SnapshotStored, Types: []wire.SnapshotType{6}}); err == nil || !strings.Contains(err.Error(), "panic: no") {
		t.Errorf("after a panic: %v", err)
	}
}

// TestShardsThatDoNotAnswer: an archive is made without them, and only one question is ever under way.
func TestShardsThatDoNotAnswer(t *testing.T) {
	c := collector(t)
	answer, asked := make(chan struct{}), 0
	c.source.Shards = func() []any { asked++; <-answer; return nil }
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, want := range []string{"did not answer in time", "has not been answered"} {
		var b bytes.Buffer
		c.resources(over, &b)
		if !strings.Contains(b.String(), want) || !strings.Contains(b.String(), "MemAvailable") {
			t.Errorf("no %q, or nothing behind it:\n%s", want, b.String())
		}
	}
	close(answer)
	c.asking <- struct{}{} // the question has ended
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
