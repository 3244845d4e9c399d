package faultfs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// A disk lives in a process of its own: a process that waits for its own FUSE server can wait for ever. The two talk in
// lines, a command and its answer: "ok", "held" for a flush that came, or "error".

// Serve mounts a disk at dir and obeys the commands of in until it ends. It is what the process of a disk does.
func Serve(dir string, size int64, seed uint64, in io.Reader, out io.Writer) error {
	d := NewDisk(size, seed)
	s, err := Mount(d, dir)
	if err != nil {
		return err
	}
	defer func() {
		if s.Unmount() != nil { // somebody still has it
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	}()
	fmt.Fprintln(out, "ok")
	for lines := bufio.NewScanner(in); lines.Scan(); {
		fmt.Fprintln(out, obey(d, lines.Text()))
	}
	return nil
}

func obey(d *Disk, line string) string {
	var n int
	name, arg, _ := strings.Cut(line, " ")
	fmt.Sscan(arg, &n)
	switch name {
	case "cut":
		d.Cut(n)
	case "on":
		d.On()
	case "hold":
		<-d.Hold(n)
		return "held"
	case "release":
		var err error
		if n != 0 {
			err = syscall.Errno(n)
		}
		d.Release(err)
	case "stats":
		text, _ := json.Marshal(d.Stats())
		return string(text)
	default:
		return "error: " + line
	}
	return "ok"
}

// Remote is a disk in another process.
type Remote struct {
	Path string // of the file
	dir  string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
}

// Start starts cmd, which calls Serve for dir with its standard input and output.
func Start(cmd *exec.Cmd, dir string) (*Remote, error) {
	r := &Remote{Path: dir + "/" + FileName, dir: dir, cmd: cmd}
	cmd.Stderr = os.Stderr
	var err error
	if r.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := r.answer(); err != nil {
		r.Close()
		return nil, fmt.Errorf("serve a disk at %s: %w", dir, err)
	}
	return r, nil
}

func (r *Remote) answer() (string, error) {
	if !r.out.Scan() {
		return "", io.ErrUnexpectedEOF
	}
	if text := r.out.Text(); !strings.HasPrefix(text, "error") {
		return text, nil
	}
	return "", fmt.Errorf("disk: %s", r.out.Text())
}

func (r *Remote) ask(format string, args ...any) (string, error) {
	if _, err := fmt.Fprintf(r.in, format+"\n", args...); err != nil {
		return "", err
	}
	return r.answer()
}

func (r *Remote) tell(format string, args ...any) error {
	_, err := r.ask(format, args...)
	return err
}

// Cut is Disk.Cut.
func (r *Remote) Cut(keepPercent int) error { return r.tell("cut %d", keepPercent) }

// On is Disk.On.
func (r *Remote) On() error { return r.tell("on") }

// Hold waits until the n-th flush from now has come. It stays until Release.
func (r *Remote) Hold(n int) error { return r.tell("hold %d", n) }

// Release ends the flush that is held with an error number, or 0.
func (r *Remote) Release(errno syscall.Errno) error { return r.tell("release %d", int(errno)) }

// Stats is Disk.Stats.
func (r *Remote) Stats() (s Stats, err error) {
	text, err := r.ask("stats")
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

// Close ends the process and unmounts the disk, by force if somebody still has it.
func (r *Remote) Close() error {
	r.in.Close()
	err := r.cmd.Wait()
	_ = syscall.Unmount(r.dir, syscall.MNT_DETACH) // if it could not
	return err
}
