package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// serveSink is the argument that makes this test binary a sink: a server that only reads frames, and answers each at once with the reply
// of success. Lists and polls get what a broker has answered to the same requests, from files, so that their clients have as much to
// receive as beside a broker.
const serveSink = "-serve-sink"

// sink is what the process needs to know.
type sink struct {
	frameMax int
	replies  map[wire.Code][]byte
}

// runSink serves until standard input ends. Its arguments are the folder of replies and the size of the largest frame.
func runSink(args []string) {
	s, err := loadSink(args)
	if err == nil {
		err = s.serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sink:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func loadSink(args []string) (*sink, error) {
	most, err := strconv.Atoi(args[1])
	if err != nil {
		return nil, err
	}
	s := &sink{frameMax: most, replies: map[wire.Code][]byte{}}
	names, err := filepath.Glob(filepath.Join(args[0], "*.reply"))
	for _, name := range names {
		code, _, _ := strings.Cut(filepath.Base(name), ".")
		n, err := strconv.Atoi(code)
		if err != nil {
			return nil, err
		}
		if s.replies[wire.Code(n)], err = os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return s, err
}

func (s *sink) serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = s.talk(c)
			}()
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// talk answers frame after frame until something is wrong with one, or the peer has gone.
func (s *sink) talk(c net.Conn) error {
	in := bufio.NewReaderSize(c, 16<<10)
	var head, out [vsr.HeaderSize]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		h, size, err := vsr.DecodeHeader(head[:], s.frameMax)
		if err != nil {
			return err
		}
		var login []byte
		if size -= vsr.HeaderSize; h.Operation() == vsr.Register && size < 1<<10 {
			login = make([]byte, size)
			_, err = io.ReadFull(in, login)
		} else {
			_, err = io.CopyN(io.Discard, in, int64(size))
		}
		if err != nil {
			return err
		}
		body := s.answer(h, login)
		if body == nil {
			vsr.PutEviction(out[:], h.Client(), vsr.ReasonInvalidCredentials)
		} else {
			vsr.PutReply(out[:], h.Handle(), wire.StatusOK, len(body), 1)
		}
		if _, err := (&net.Buffers{out[:], body}).WriteTo(c); err != nil {
			return err
		}
	}
}

// answer is the body of the reply; nil: the login is wrong.
func (s *sink) answer(h vsr.Header, login []byte) []byte {
	if h.Operation() == vsr.Register {
		l, err := vsr.DecodeLogin(login)
		if err != nil || string(l.Password) != tenantPassword {
			return nil
		}
		return vsr.AppendLoginReply(nil, wire.LoginReply{UserID: 1, Session: 1, Protocol: vsr.Protocol, ServerVersion: "sink"})
	}
	if body, ok := s.replies[h.Code()]; ok {
		return body
	}
	return vsr.AppendEmptyReply([]byte{}, h.Operation())
}

// startSink starts one in a control group, and returns its address and what ends it.
func startSink(t testing.TB, g *memoryGroup, first favour, replies string, frameMax, threads int) (address string, end func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := g.command(self, serveSink, replies, strconv.Itoa(frameMax))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr, cmd.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", threads))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first.take(t, cmd.Process.Pid)
	address, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the sink does not serve: %v", err)
	}
	return strings.TrimSpace(address), func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
