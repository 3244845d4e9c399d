package e2e

import (
	"bufio"
	"bytes"
	"context"
	bin "encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// serveHonest is the argument that makes this test binary an honest producer, in a process of its own, so that what other clients of a
// test do delays none of its measurements: it sends a message of 500 bytes, waits for the answer, and sends the next.
const serveHonest = "-serve-honest"

const (
	honestStream, honestTopic = "honest", "orders"
	honestBytes               = 500
	honestPollMax             = 1000
)

// sent is what the producer's process says of a send: four numbers of 8 bytes.
type sent struct {
	seq, offset uint64
	began       time.Time
	took        time.Duration
}

const sentBytes = 32

// runHonest sends until standard input ends. Its arguments are an address and the number of its first message.
func runHonest(args []string) {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	seq, err := strconv.ParseUint(args[1], 10, 64)
	var c *client.Client
	if err == nil {
		c, err = login(args[0])
	}
	for err == nil {
		select {
		case <-ended:
			os.Exit(0)
		default:
		}
		err = sendHonestly(c, seq)
		seq++
	}
	fmt.Fprintln(os.Stderr, "honest producer:", err)
	os.Exit(1)
}

func sendHonestly(c *client.Client, seq uint64) error {
	payload := make([]byte, honestBytes)
	bin.LittleEndian.PutUint64(payload, seq)
	b := single(payload)
	began := time.Now()
	placed, err := c.Send(context.Background(), wire.Named(honestStream), wire.Named(honestTopic), 0, b)
	took := time.Since(began)
	if err != nil {
		return err
	}
	if !placed.Told {
		return errors.New("the broker does not say where a message is")
	}
	var p [sentBytes]byte
	for i, v := range []uint64{seq, placed.BaseOffset, uint64(began.UnixNano()), uint64(took)} {
		bin.LittleEndian.PutUint64(p[8*i:], v)
	}
	_, err = os.Stdout.Write(p[:])
	return err
}

// honestProducer is the producer as its test sees it. What was acknowledged is kept over restarts of producer and broker.
type honestProducer struct {
	next     uint64
	acked    [][2]uint64 // number and offset of each message that was acknowledged
	verified int         // of those, that have been read again since

	mu     sync.Mutex
	window []sent // since measurements began
	failed error  // of the producer, unless it was to end

	stop func()
}

// begin starts the producer.
func (h *honestProducer) begin(t testing.TB, address string, first favour) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(self, serveHonest, address, strconv.FormatUint(h.next, 10))
	cmd.Stderr, cmd.SysProcAttr = &stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	first.take(t, cmd.Process.Pid)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.follow(bufio.NewReaderSize(out, 64<<10))
		if err := cmd.Wait(); err != nil {
			h.mu.Lock()
			h.failed = fmt.Errorf("%w: %s", err, stderr.String())
			h.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	h.stop = func() {
		in.Close()
		<-ended
		h.next++ // what was on its way may be there
	}
}

// follow notes what the producer says until it ends.
func (h *honestProducer) follow(out io.Reader) {
	var p [sentBytes]byte
	for {
		if _, err := io.ReadFull(out, p[:]); err != nil {
			return
		}
		var v [4]uint64
		for i := range v {
			v[i] = bin.LittleEndian.Uint64(p[8*i:])
		}
		h.mu.Lock()
		h.next = v[0] + 1
		h.acked = append(h.acked, [2]uint64{v[0], v[1]})
		h.window = append(h.window, sent{v[0], v[1], time.Unix(0, int64(v[2])), time.Duration(v[3])})
		h.mu.Unlock()
	}
}

// measure returns how long the sends took that were begun while it waited: the p99, the longest, and how many.
func (h *honestProducer) measure(length time.Duration) (p99, longest time.Duration, n int, err error) {
	begin := time.Now()
	h.mu.Lock()
	h.window = h.window[:0]
	h.mu.Unlock()
	time.Sleep(length)
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []time.Duration
	for _, s := range h.window {
		if s.began.After(begin) {
			all = append(all, s.took)
		}
	}
	if n = len(all); n == 0 {
		return 0, 0, 0, errors.Join(h.failed, fmt.Errorf("not one message was acknowledged in %v", length))
	}
	slices.Sort(all)
	return all[n*99/100], all[n-1], n, h.failed
}

// verify reads what was acknowledged since the last look, or all of it.
func (h *honestProducer) verify(c *client.Client, all bool) error {
	h.mu.Lock()
	acked := h.acked[h.verified:]
	if all {
		acked = h.acked
	}
	h.verified, h.failed = len(h.acked), nil
	h.mu.Unlock()
	for len(acked) > 0 {
		p, err := pollAt(c, honestStream, honestTopic, 0, acked[0][1], honestPollMax)
		if err != nil {
			return fmt.Errorf("poll of what was acknowledged: %w", err)
		}
		before := len(acked)
		for m := range p.Messages() {
			seq := bin.LittleEndian.Uint64(m.Payload())
			if len(acked) > 0 && m.Offset == acked[0][1] {
				if seq != acked[0][0] || len(m.Payload()) != honestBytes {
					return fmt.Errorf("message %d was acknowledged at offset %d; there is message %d", acked[0][0], m.Offset, seq)
				}
				acked = acked[1:]
			}
		}
		if len(acked) == before {
			return fmt.Errorf("message %d was acknowledged at offset %d and is not there", acked[0][0], acked[0][1])
		}
	}
	return nil
}
