package diagnose

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	foldersMax = 100_000 // that are told apart; the files of others count in the folder above
	depthMax   = 16
	readAtOnce = 1024 // names
)

// filesystem tells where the data lies, what room is left and what takes it.
func (c *Collector) filesystem(ctx context.Context, to *bytes.Buffer) {
	dir := c.source.DataDir
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	fmt.Fprintf(to, "data directory %s\n", dir)
	room(to, dir)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		mounted(to, real)
	}
	to.WriteString("\n")
	t := tree{ctx: ctx}
	t.walk(dir, -1)
	t.show(to)
}

// room says what the filesystem holds and has left.
func room(to *bytes.Buffer, dir string) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		fmt.Fprintf(to, "room: %v\n", err)
		return
	}
	block := uint64(st.Frsize)
	fmt.Fprintf(to, "room: %d bytes in all, %d free, %d of them for this process; %d files in all, %d free\n",
		st.Blocks*block, st.Bfree*block, st.Bavail*block, st.Files, st.Ffree)
}

// mounted says on what kind of filesystem dir, which has no links in it, lies. The source is shown if it is a device only:
// others may name a user.
func mounted(to *bytes.Buffer, dir string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		fmt.Fprintf(to, "mount: %v\n", err)
		return
	}
	m, found := findMount(string(text), dir)
	if !found {
		to.WriteString("mount: not found\n")
		return
	}
	source := m.source
	if !strings.HasPrefix(source, "/dev/") {
		source = "a source that is no device"
	}
	fmt.Fprintf(to, "mount: %s of type %s at %s, options %s; of the filesystem %s\n", source, m.kind, m.point, showOptions(m.options), showOptions(m.super))
}

// mount is a line of mountinfo.
type mount struct{ point, options, kind, source, super string }

// findMount returns the mount that dir lies on: the last of those with the longest path. Lines are
//
//	id parent major:minor root point options [tags] - type source options
func findMount(mountinfo, dir string) (best mount, found bool) {
	for line := range strings.Lines(mountinfo) {
		front, back, ok := strings.Cut(line, " - ")
		f, b := strings.Fields(front), strings.Fields(back)
		if !ok || len(f) < 6 || len(b) < 3 {
			continue
		}
		m := mount{unescape.Replace(f[4]), f[5], b[0], b[1], b[2]}
		below := m.point == "/" || dir == m.point || strings.HasPrefix(dir, m.point+"/")
		if below && len(m.point) >= len(best.point) {
			best, found = m, true
		}
	}
	return best, found
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// valueShown lists options whose value says how a filesystem works. The values of others could be a password.
var valueShown = strings.Fields("errors commit data size nr_inodes mode logbufs logbsize sunit swidth stripe barrier discard compress subvolid rsize wsize vers proto timeo retrans")

func showOptions(options string) string {
	list := strings.Split(options, ",")
	for i, o := range list {
		name, value, has := strings.Cut(o, "=")
		switch {
		case !plain(name):
			list[i] = "(not shown)"
		case has && (!slices.Contains(valueShown, name) || !plain(value)):
			list[i] = name + "=(not shown)"
		}
	}
	return strings.Join(list, ",")
}

// plain says whether s is a short word.
func plain(s string) bool {
	return len(s) <= 24 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.:", r)
	})
}

// tree is the folders below a directory, each after the one that it lies in.
type tree struct {
	ctx     context.Context
	root    string
	folders []folder
	beyond  int // folders that are not told apart
	failed  int // that could not be read, or only in part
	first   error
}

// folder is one of them. Sums are of what lies in it directly until show adds up.
type folder struct {
	path          string
	depth, above  int
	files         int
	bytes, onDisk int64
}

// walk reads dir, which lies in the folder with index above. It follows no links.
func (t *tree) walk(dir string, above int) {
	i, depth := above, 0
	if above >= 0 {
		depth = t.folders[above].depth + 1
	} else {
		t.root = dir
	}
	if above < 0 || len(t.folders) < foldersMax && depth <= depthMax {
		i = len(t.folders)
		t.folders = append(t.folders, folder{path: dir, depth: depth, above: above})
	} else {
		t.beyond++
	}
	if err := t.read(dir, i); err != nil {
		t.failed++
		t.first = cmp.Or(t.first, err)
	}
}

func (t *tree) read(dir string, i int) error {
	f, err := os.Open(dir)
	if err != nil {
		return gone(err)
	}
	defer f.Close()
	var below []string
	for {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		list, err := f.ReadDir(readAtOnce)
		for _, e := range list {
			if e.IsDir() {
				below = append(below, filepath.Join(dir, e.Name()))
				continue
			}
			info, err := e.Info()
			if err != nil {
				continue // removed meanwhile
			}
			t.folders[i].files++
			t.folders[i].bytes += info.Size()
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				t.folders[i].onDisk += st.Blocks * 512
			}
		}
		if err != nil && err != io.EOF {
			return gone(err)
		}
		if err != nil {
			break
		}
	}
	f.Close()
	for _, d := range below {
		t.walk(d, i)
	}
	return nil
}

// gone passes over a folder that was removed meanwhile.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// show lists the folders with the sums of all below them: the upper ones first, the large ones before the small.
func (t *tree) show(to *bytes.Buffer) {
	for i := len(t.folders) - 1; i > 0; i-- {
		f := &t.folders[i]
		a := &t.folders[f.above]
		a.files, a.bytes, a.onDisk = a.files+f.files, a.bytes+f.bytes, a.onDisk+f.onDisk
	}
	slices.SortFunc(t.folders, func(a, b folder) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(b.onDisk, a.onDisk), cmp.Compare(a.path, b.path))
	})
	w := columns(to)
	fmt.Fprintln(w, "on disk\tbytes\tfiles\tfolder")
	for _, f := range t.folders[:min(len(t.folders), linesMax)] {
		name, err := filepath.Rel(t.root, f.path)
		if err != nil {
			name = f.path
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%s\n", f.onDisk, f.bytes, f.files, printable(name))
	}
	w.Flush()
	if more := len(t.folders) - linesMax; more > 0 {
		fmt.Fprintf(to, "and %d folders more; the sums above have them\n", more)
	}
	if t.beyond > 0 {
		fmt.Fprintf(to, "%d folders beyond %d, or too deep, count in those above them\n", t.beyond, foldersMax)
	}
	if t.failed > 0 {
		fmt.Fprintf(to, "%d folders were not read to their end, and not what lies in them: %v\n", t.failed, t.first)
	}
}
