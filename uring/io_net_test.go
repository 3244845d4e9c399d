package uring

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen opens a listening socket on loopback.
func listen(t testing.TB) (fd int32, addr string) {
	t.Helper()
	fd, addr, err := ListenTCP("127.0.0.1:0", 128)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(int(fd)) })
	return fd, addr
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// socketPair gives a connected socket for the IO, non-blocking, and its peer, blocking, both by number.
func socketPair(t testing.TB) (fd, peer int32) {
	t.Helper()
	listener, _, err := ListenTCP("127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(int(listener))
	name, err := unix.Getsockname(int(listener))
	if err != nil {
		t.Fatal(err)
	}
	p, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(p, name); err != nil {
		t.Fatal(err)
	}
	f, _, err := unix.Accept4(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []int{p, f} {
		if err := (sockets{}).SetNoDelay(int32(s)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = unix.Close(p) })
	t.Cleanup(func() { _ = unix.Shutdown(f, unix.SHUT_RDWR); _ = unix.Close(f) })
	return int32(f), int32(p)
}

// write writes all of p to the blocking descriptor fd.
func write(t testing.TB, fd int32, p []byte) {
	t.Helper()
	if err := writeAll(fd, p); err != nil {
		t.Fatal(err)
	}
}

func writeAll(fd int32, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(int(fd), p)
		if err != nil && err != syscall.EINTR {
			return err
		}
		p = p[max(n, 0):]
	}
	return nil
}

// read fills p from the blocking descriptor fd.
func read(t testing.TB, fd int32, p []byte) {
	t.Helper()
	for len(p) > 0 {
		n, err := unix.Read(int(fd), p)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("peer: %d bytes missing (%v)", len(p), err)
		}
		p = p[n:]
	}
}

// readAll reads fd to its end.
func readAll(fd int32) ([]byte, error) {
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(int(fd), buf)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return all, err
		case n == 0:
			return all, nil
		default:
			all = append(all, buf[:n]...)
		}
	}
}

func TestAccept(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		listener, addr := listen(t)
		for range 2 { // armed again after a cancel
			h := r.submit(Op{Kind: KindAccept, FD: listener, Token: 7})
			for range 50 {
				peer := dial(t, addr)
				c := r.next(h)
				if c.Err != 0 || !c.More || c.Token != 7 || c.Kind != KindAccept {
					t.Fatalf("%+v", c)
				}
				fd := int32(c.Res)
				if name := (sockets{}).PeerName(fd); name != peer.LocalAddr().String() {
					t.Fatalf("accepted %s, dialled from %s", name, peer.LocalAddr())
				}
				flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
				fdFlags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
				if flags&unix.O_NONBLOCK == 0 || fdFlags&unix.FD_CLOEXEC == 0 {
					t.Fatalf("flags %#x, descriptor flags %#x", flags, fdFlags)
				}
				r.must(Op{Kind: KindCloseSocket, FD: fd})
				if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
					t.Fatalf("after close: %v", err)
				}
				_ = peer.Close()
			}
			if c := r.do(Op{Kind: KindCancel, Target: h}); c.Res != 1 {
				t.Fatalf("%+v", c)
			}
			if c := r.last(h); c.Err != syscall.ECANCELED {
				t.Fatalf("%+v", c)
			}
		}
	})
}

func TestAcceptABacklog(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		listener, addr := listen(t)
		const count = 100
		for range count {
			dial(t, addr)
		}
		h := r.submit(Op{Kind: KindAccept, FD: listener})
		seen := make(map[int64]bool)
		for range count {
			c := r.next(h)
			if c.Err != 0 || !c.More || seen[c.Res] {
				t.Fatalf("%+v", c)
			}
			seen[c.Res] = true
		}
		for fd := range seen {
			r.must(Op{Kind: KindCloseSocket, FD: int32(fd)})
		}
	})
}

func TestAcceptAtTheDescriptorLimit(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		listener, addr := listen(t)
		peer, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(peer)
		to, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		var old syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
		low := old
		low.Cur = uint64(peer) + 1 // every lower number is taken: peer got the lowest free one
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		h := r.submit(Op{Kind: KindAccept, FD: listener})
		r.settle()
		sa := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}
		connected := unix.Connect(peer, sa)
		c := r.next(h)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil || connected != nil {
			t.Fatal(err, connected)
		}
		if c.Err != syscall.EMFILE || c.More {
			t.Fatalf("%+v", c)
		}
		r.settle() // a backlog that nobody takes must not keep the owner awake
		before := r.io.Counters().Enters
		r.io.Wait(20 * time.Millisecond)
		if n := r.io.Counters().Enters - before; n > 3 {
			t.Fatalf("%d calls in one quiet wait", n)
		}
		h = r.submit(Op{Kind: KindAccept, FD: listener})
		if c := r.next(h); c.Err != 0 || !c.More {
			t.Fatalf("armed again: %+v", c)
		} else {
			r.must(Op{Kind: KindCloseSocket, FD: int32(c.Res)})
		}
	})
}

func TestSocketOperationsOnTheWrongThing(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, _ := socketPair(t)
		buf := memory(t, 100)
		file, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		f := func(fd int32, want syscall.Errno) {
			t.Helper()
			ops := []Op{
				{Kind: KindAccept, FD: fd}, {Kind: KindRecv, FD: fd}, {Kind: KindRecv, FD: fd, Flags: FlagMulti},
				{Kind: KindRecvInto, FD: fd, Buf: buf}, {Kind: KindSend, FD: fd, Vec: [][]byte{buf}},
				{Kind: KindSend, FD: fd, Vec: [][]byte{buf, buf}},
			}
			for _, op := range ops {
				if c := r.do(op); c.Err != want || c.Res != 0 {
					t.Errorf("kind %d on %d: %v (%d), want %v", op.Kind, fd, c.Err, c.Res, want)
				}
			}
		}
		f(int32(file.Fd()), syscall.ENOTSOCK)
		f(1<<20, syscall.EBADF)
		f(-1, syscall.EBADF)
		if c := r.do(Op{Kind: KindAccept, FD: fd}); c.Err != syscall.EINVAL {
			t.Errorf("accept on a connected socket: %v", c.Err)
		}
		if c := r.do(Op{Kind: KindCloseSocket, FD: 1 << 20}); c.Err != syscall.EBADF {
			t.Errorf("close of nothing: %v", c.Err)
		}
	})
}

func TestRecvOnce(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		f := func(limit int64, want string) {
			t.Helper()
			c := r.do(Op{Kind: KindRecv, FD: fd, Len: limit, Token: 3})
			if c.Err != 0 || c.Res != int64(len(want)) || string(c.Recv.Data) != want || c.Recv.ID == 0 || c.Token != 3 {
				t.Fatalf("%+v, want %q", c, want)
			}
			r.io.Release(c.Recv.ID)
		}
		write(t, peer, []byte("abcdefgh"))
		f(3, "abc")
		f(1, "d")
		f(0, "efgh")
		h := r.submit(Op{Kind: KindRecv, FD: fd}) // armed before there is anything
		r.settle()
		write(t, peer, []byte("x"))
		if c := r.last(h); string(c.Recv.Data) != "x" {
			t.Fatalf("%+v", c)
		} else {
			r.io.Release(c.Recv.ID)
		}
		big := bytes.Repeat([]byte("z"), 5000)
		write(t, peer, big)
		f(10_000, string(big[:4096])) // never more than a buffer
		f(0, string(big[4096:]))
		_ = unix.Shutdown(int(peer), unix.SHUT_WR)
		for range 2 {
			if c := r.do(Op{Kind: KindRecv, FD: fd}); c.Err != 0 || c.Res != 0 || c.Recv.ID != 0 || c.Recv.Data != nil {
				t.Fatalf("end of stream: %+v", c)
			}
		}
	})
}

func TestRecvMulti(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		h := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
		sent := make([]byte, 300_000)
		fill(rnd, sent)
		var writer sync.WaitGroup
		writer.Go(func() {
			for p := sent; len(p) > 0; {
				n := min(len(p), 1+len(p)%9000)
				if err := writeAll(peer, p[:n]); err != nil {
					panic(err)
				}
				p = p[n:]
			}
			_ = unix.Shutdown(int(peer), unix.SHUT_WR)
		})
		got, end := drainMulti(t, r, h, fd)
		writer.Wait()
		if end.Err != 0 || end.Res != 0 || end.Recv.ID != 0 {
			t.Fatalf("end of stream: %+v", end)
		}
		if !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes received, %d sent, or not the same", len(got), len(sent))
		}
		reply := memory(t, 10)
		if n := r.must(Op{Kind: KindSend, FD: fd, Vec: [][]byte{reply}}); n != 10 { // half closed: the other way is open
			t.Fatalf("%d bytes sent", n)
		}
		read(t, peer, make([]byte, 10))
	})
}

// drainMulti takes all that h receives, releasing at once, armed again when buffers ran out.
func drainMulti(t *testing.T, r *rig, h Handle, fd int32) (got []byte, end Completion) {
	t.Helper()
	for {
		c := r.next(h)
		got = append(got, c.Recv.Data...)
		if c.Res != int64(len(c.Recv.Data)) && c.Err == 0 {
			t.Fatalf("%d bytes announced, %d there", c.Res, len(c.Recv.Data))
		}
		if c.Recv.ID != 0 {
			r.io.Release(c.Recv.ID)
		}
		switch {
		case c.More:
		case c.Err == syscall.ENOBUFS:
			h = r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
		default:
			return got, c
		}
	}
}

// TestNoBuffers: when the buffers are used up the bytes stay in the socket, whole and in order.
func TestNoBuffers(t *testing.T) {
	rnd := testSeed(t)
	eachBackendWith(t, Config{RecvBufs: 4, RecvBufBytes: 4096}, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		sent := make([]byte, 64<<10)
		fill(rnd, sent)
		write(t, peer, sent)
		var got []byte
		for rounds := 0; len(got) < len(sent); rounds++ {
			h := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
			var held []uint32
			for {
				c := r.next(h)
				if c.Recv.ID != 0 {
					held = append(held, c.Recv.ID)
					got = append(got, c.Recv.Data...)
				}
				if c.More && len(got) < len(sent) {
					continue
				}
				if c.More {
					r.do(Op{Kind: KindCancel, Target: h})
					c = r.last(h)
				}
				if c.Err != syscall.ENOBUFS && c.Err != syscall.ECANCELED {
					t.Fatalf("round %d: %+v", rounds, c)
				}
				break
			}
			if len(held) > 4 {
				t.Fatalf("%d buffers of 4", len(held))
			}
			if len(held) == 4 && len(got) < len(sent) {
				if c := r.do(Op{Kind: KindRecv, FD: fd}); c.Err != syscall.ENOBUFS || c.Recv.ID != 0 {
					t.Fatalf("a single receive without buffers: %+v", c)
				}
			}
			for _, id := range held {
				r.io.Release(id)
			}
		}
		if !bytes.Equal(got, sent) {
			t.Fatal("other bytes received than sent")
		}
		if r.io.Counters().NoBuffers == 0 {
			t.Fatal("buffers never ran out: nothing was tested")
		}
	})
}

// TestBuffersStayUntilReleased: what was received is not overwritten by what comes later.
func TestBuffersStayUntilReleased(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		h := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
		held := make(map[uint32][]byte)
		for i := range 10 {
			write(t, peer, bytes.Repeat([]byte{byte('a' + i)}, 100))
			c := r.next(h)
			if c.Res != 100 || held[c.Recv.ID] != nil {
				t.Fatalf("%+v", c)
			}
			held[c.Recv.ID] = c.Recv.Data
		}
		seen := make(map[byte]bool)
		for id, data := range held {
			if !bytes.Equal(data, bytes.Repeat(data[:1], 100)) || seen[data[0]] {
				t.Fatalf("buffer %d was overwritten", id)
			}
			seen[data[0]] = true
			r.io.Release(id)
		}
	})
}

func TestRecvReset(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		buf := memory(t, 100)
		ops := []Op{{Kind: KindRecv}, {Kind: KindRecv, Flags: FlagMulti}, {Kind: KindRecvInto, Buf: buf}}
		for _, op := range ops {
			fd, peer := socketPair(t)
			op.FD = fd
			h := r.submit(op)
			r.settle()
			if err := unix.SetsockoptLinger(int(peer), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
				t.Fatal(err)
			}
			reset(t, peer)
			if c := r.last(h); c.Err != syscall.ECONNRESET {
				t.Fatalf("kind %d: %+v", op.Kind, c)
			}
			if c := r.do(Op{Kind: KindSend, FD: fd, Vec: [][]byte{buf}}); c.Err != syscall.EPIPE && c.Err != syscall.ECONNRESET || c.Res != 0 {
				t.Fatalf("send to nobody: %+v", c)
			}
		}
	})
}

// reset aborts the connection of fd and leaves a harmless file under its number.
func reset(t testing.TB, fd int32) {
	t.Helper()
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	if err := unix.Dup3(null, int(fd), unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
}

func TestRecvInto(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		sent := make([]byte, 6<<20)
		fill(rnd, sent)
		buf := memory(t, len(sent))
		if c := r.do(Op{Kind: KindRecvInto, FD: fd, Buf: buf[:0]}); c.Err != 0 || c.Res != 0 {
			t.Fatalf("nothing wanted: %+v", c)
		}
		h := r.submit(Op{Kind: KindRecvInto, FD: fd, Buf: buf[:10]})
		for i := range 10 { // byte by byte
			if len(r.done[h]) > 0 {
				t.Fatalf("complete after %d bytes: %+v", i, r.done[h])
			}
			write(t, peer, sent[i:i+1])
			r.turn(time.Millisecond)
		}
		if c := r.last(h); c.Err != 0 || c.Res != 10 || !bytes.Equal(buf[:10], sent[:10]) {
			t.Fatalf("%+v", c)
		}
		var writer sync.WaitGroup
		writer.Go(func() {
			if err := writeAll(peer, sent); err != nil {
				panic(err)
			}
		})
		if c := r.do(Op{Kind: KindRecvInto, FD: fd, Buf: buf}); c.Err != 0 || c.Res != int64(len(sent)) || !bytes.Equal(buf, sent) {
			t.Fatalf("%+v", c)
		}
		writer.Wait()
		h = r.submit(Op{Kind: KindRecvInto, FD: fd, Buf: buf[:1000]})
		write(t, peer, sent[:700])
		r.settle()
		_ = unix.Shutdown(int(peer), unix.SHUT_WR)
		if c := r.last(h); c.Err != 0 || c.Res != 700 || !bytes.Equal(buf[:700], sent[:700]) {
			t.Fatalf("peer closed midway: %+v", c)
		}
	})
}

// TestRecvIntoCancelled: the completion tells exactly how much was taken from the stream.
func TestRecvIntoCancelled(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		sent := make([]byte, 3000)
		fill(rnd, sent)
		buf := memory(t, 5000)
		h := r.submit(Op{Kind: KindRecvInto, FD: fd, Buf: buf})
		write(t, peer, sent[:2000])
		r.settle()
		r.do(Op{Kind: KindCancel, Target: h})
		c := r.last(h)
		if c.Err != syscall.ECANCELED || c.Res < 0 || c.Res > 2000 || !bytes.Equal(buf[:c.Res], sent[:c.Res]) {
			t.Fatalf("%+v", c)
		}
		write(t, peer, sent[2000:])
		rest := buf[c.Res:3000]
		if d := r.do(Op{Kind: KindRecvInto, FD: fd, Buf: rest}); d.Err != 0 || !bytes.Equal(buf[:3000], sent) {
			t.Fatalf("%+v after %+v", d, c)
		}
	})
}

// spans cuts mem into at most VecMax spans at random, empty ones among them.
func spans(rnd *rand.Rand, mem []byte, count int) [][]byte {
	cuts := []int{0, len(mem)}
	for range count - 1 {
		cuts = append(cuts, rnd.IntN(len(mem)+1))
	}
	slices.Sort(cuts)
	var vec [][]byte
	for i := range count {
		vec = append(vec, mem[cuts[i]:cuts[i+1]])
	}
	return vec
}

// TestSendWhole: whatever the socket buffer holds, a send ends when all is sent.
func TestSendWhole(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		mem := memory(t, 8<<20)
		fill(rnd, mem)
		for _, size := range []int{1, 100, 5000, 300_000, 8 << 20} {
			for _, count := range []int{1, 2, 7, VecMax} {
				vec := spans(rnd, mem[:size], count)
				got := make([]byte, size)
				h := r.submit(Op{Kind: KindSend, FD: fd, Vec: vec})
				clear(vec) // Submit has copied it
				var reader sync.WaitGroup
				reader.Go(func() {
					for p := got; len(p) > 0; { // slow: in small pieces
						n, err := unix.Read(int(peer), p[:min(len(p), 30_000)])
						if err != nil && err != syscall.EINTR {
							panic(err)
						}
						p = p[max(n, 0):]
					}
				})
				if c := r.last(h); c.Err != 0 || c.Res != int64(size) {
					t.Fatalf("%d bytes in %d spans: %+v", size, count, c)
				}
				reader.Wait()
				if !bytes.Equal(got, mem[:size]) {
					t.Fatalf("%d bytes in %d spans: other bytes came", size, count)
				}
			}
		}
	})
}

func TestSendOddities(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, _ := socketPair(t)
		mem := memory(t, 10)
		if c := r.do(Op{Kind: KindSend, FD: fd, Vec: make([][]byte, VecMax+1)}); c.Err != syscall.EINVAL {
			t.Fatalf("too many spans: %+v", c)
		}
		for _, vec := range [][][]byte{nil, {}, {mem[:0]}, {nil, nil}, {mem[:0], mem[3:3]}} {
			if c := r.do(Op{Kind: KindSend, FD: fd, Vec: vec}); c.Err != 0 || c.Res != 0 {
				t.Fatalf("nothing to send: %+v", c)
			}
		}
	})
}

// TestSendCancelled: a cancelled send tells exactly how much the peer will get.
func TestSendCancelled(t *testing.T) {
	rnd := testSeed(t)
	eachBackend(t, func(t *testing.T, r *rig) {
		mem := memory(t, 24<<20)
		fill(rnd, mem)
		for _, count := range []int{1, 3, VecMax} {
			fd, peer := socketPair(t)
			h := r.submit(Op{Kind: KindSend, FD: fd, Vec: spans(rnd, mem, count)})
			r.settle()
			taken := rnd.IntN(1 << 20)
			got := make([]byte, taken)
			read(t, peer, got) // and some room for more
			if rnd.IntN(2) == 0 {
				r.settle()
			}
			if c := r.do(Op{Kind: KindCancel, Target: h}); c.Err != 0 || c.Res != 1 {
				t.Fatalf("cancel: %+v", c)
			}
			c := r.last(h)
			if c.Err != syscall.ECANCELED || c.Res < int64(taken) || c.Res >= int64(len(mem)) {
				t.Fatalf("%d spans: %+v", count, c)
			}
			_ = unix.Shutdown(int(fd), unix.SHUT_WR)
			rest, err := readAll(peer)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rest...)
			if int64(len(got)) != c.Res || !bytes.Equal(got, mem[:len(got)]) {
				t.Fatalf("%d spans: %d bytes said to be sent, %d came", count, c.Res, len(got))
			}
		}
	})
}

// TestSendToAPeerThatGoesAway: the error comes when the socket buffer is full and nobody will empty it.
func TestSendToAPeerThatGoesAway(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		mem := memory(t, 24<<20)
		fd, peer := socketPair(t)
		h := r.submit(Op{Kind: KindSend, FD: fd, Vec: [][]byte{mem}})
		r.settle()
		reset(t, peer) // bytes unread: the kernel answers with a reset
		c := r.last(h)
		if c.Err != syscall.ECONNRESET && c.Err != syscall.EPIPE || c.Res <= 0 || c.Res >= int64(len(mem)) {
			t.Fatalf("%+v", c)
		}
	})
}

// TestSplits cuts one message at every boundary, for each way to receive.
func TestSplits(t *testing.T) {
	message := []byte("the quick brown fox jumps over the lazy dog")
	eachBackend(t, func(t *testing.T, r *rig) {
		fd, peer := socketPair(t)
		buf := memory(t, len(message))
		gather := func(op Op, n int) (got []byte) {
			for len(got) < n {
				c := r.next(r.submit(op))
				if c.Err != 0 || c.Res == 0 {
					t.Fatalf("%+v", c)
				}
				got = append(got, c.Recv.Data...)
				r.io.Release(c.Recv.ID)
			}
			return got
		}
		multi := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
		for cut := range len(message) + 1 {
			var got []byte
			for _, part := range [][]byte{message[:cut], message[cut:]} {
				write(t, peer, part)
				for want := len(got) + len(part); len(got) < want; {
					c := r.next(multi)
					got = append(got, c.Recv.Data...)
					r.io.Release(c.Recv.ID)
				}
			}
			if !bytes.Equal(got, message) {
				t.Fatalf("multi, cut at %d: %q", cut, got)
			}
		}
		r.do(Op{Kind: KindCancel, Target: multi})
		r.last(multi)
		for cut := range len(message) + 1 {
			write(t, peer, message[:cut])
			got := gather(Op{Kind: KindRecv, FD: fd}, cut)
			write(t, peer, message[cut:])
			got = append(got, gather(Op{Kind: KindRecv, FD: fd}, len(message)-cut)...)
			if !bytes.Equal(got, message) {
				t.Fatalf("single, cut at %d: %q", cut, got)
			}
			clear(buf)
			h := r.submit(Op{Kind: KindRecvInto, FD: fd, Buf: buf})
			write(t, peer, message[:cut])
			r.turn(0)
			write(t, peer, message[cut:])
			if c := r.last(h); c.Res != int64(len(message)) || !bytes.Equal(buf, message) {
				t.Fatalf("into, cut at %d: %+v %q", cut, c, buf)
			}
		}
	})
}

// TestRandomEcho has a stream received in every way, cancelled at random, and sent back in spans, cancelled at random.
// What comes back is the stream, whatever happened on the way.
func TestRandomEcho(t *testing.T) {
	rnd := testSeed(t)
	eachBackendWith(t, Config{RecvBufs: 8, RecvBufBytes: 4096}, func(t *testing.T, r *rig) {
		const total = 3 << 20
		fd, peer := socketPair(t)
		sent := make([]byte, total)
		fill(rnd, sent)
		store := memory(t, total)
		chunks := rand.New(rand.NewPCG(rnd.Uint64(), 2))
		var ends sync.WaitGroup
		var back []byte
		var backErr error
		ends.Go(func() {
			for p := sent; len(p) > 0; {
				n := min(len(p), 1+chunks.IntN(1<<(1+chunks.IntN(17))))
				if err := writeAll(peer, p[:n]); err != nil {
					panic(err)
				}
				p = p[n:]
			}
			_ = unix.Shutdown(int(peer), unix.SHUT_WR)
		})
		ends.Go(func() { back, backErr = readAll(peer) })
		e := echo{t: t, r: r, rnd: rnd, fd: fd, store: store}
		for !e.ended || e.sent < e.have {
			e.step()
		}
		_ = unix.Shutdown(int(fd), unix.SHUT_WR)
		ends.Wait()
		if backErr != nil || !bytes.Equal(back, sent) {
			t.Fatalf("%d bytes sent, %d came back, or not the same (%v)", len(sent), len(back), backErr)
		}
		t.Logf("%d receives, %d sends, %d cancels", e.recvs, e.sends, e.cancels)
	})
}

// echo is one connection of TestRandomEcho. store[:have] has been received, store[:sent] sent.
type echo struct {
	t                     *testing.T
	r                     *rig
	rnd                   *rand.Rand
	fd                    int32
	store                 []byte
	have, sent            int
	recv, send            Handle
	into                  bool
	ended                 bool
	recvs, sends, cancels int
}

func (e *echo) step() {
	if e.recv == 0 && !e.ended {
		e.recvs++
		op := Op{Kind: KindRecv, FD: e.fd}
		switch e.rnd.IntN(3) {
		case 0:
			op.Flags = FlagMulti
		case 1:
			op.Len = int64(e.rnd.IntN(5000))
		case 2:
			op.Kind, op.Buf = KindRecvInto, e.store[e.have:min(len(e.store), e.have+e.rnd.IntN(200_000))]
		}
		e.into = op.Kind == KindRecvInto
		e.recv = e.r.submit(op)
	}
	if e.send == 0 && e.sent < e.have {
		e.sends++
		n := 1 + e.rnd.IntN(e.have-e.sent)
		e.send = e.r.submit(Op{Kind: KindSend, FD: e.fd, Vec: spans(e.rnd, e.store[e.sent:e.sent+n], 1+e.rnd.IntN(VecMax))})
	}
	for _, h := range []Handle{e.recv, e.send} {
		if h != 0 && e.rnd.IntN(30) == 0 {
			e.cancels++
			e.r.submit(Op{Kind: KindCancel, Target: h})
		}
	}
	for _, c := range e.r.io.Wait(time.Duration(e.rnd.IntN(2)) * 5 * time.Millisecond) {
		switch c.Handle {
		case e.recv:
			e.received(c)
		case e.send:
			e.sent += int(c.Res)
			e.send = 0
			if c.Err != 0 && c.Err != syscall.ECANCELED {
				e.t.Fatalf("send: %v", c.Err)
			}
		}
	}
}

func (e *echo) received(c Completion) {
	if c.Err != 0 && c.Err != syscall.ECANCELED && c.Err != syscall.ENOBUFS {
		e.t.Fatalf("receive: %v", c.Err)
	}
	if e.into {
		e.have += int(c.Res)
	}
	e.have += copy(e.store[e.have:], c.Recv.Data)
	if c.Recv.ID != 0 {
		e.r.io.Release(c.Recv.ID)
	}
	if !e.into && !c.More && c.Err == 0 && c.Res == 0 {
		e.ended = true
	}
	if !c.More {
		e.recv = 0
	}
}

// TestManyConnections has more sockets than one turn may serve, all busy.
func TestManyConnections(t *testing.T) {
	count := 300
	if testing.Short() {
		count = 50
	}
	eachBackendWith(t, Config{Entries: 64, RecvBufs: 64, RecvBufBytes: 4096}, func(t *testing.T, r *rig) {
		mem := memory(t, 4096*count)
		peers, fds := make([]int32, count), make([]int32, count)
		for i := range count {
			fds[i], peers[i] = socketPair(t)
		}
		for round := range 3 {
			var recvs, sends []Handle
			for i := range count {
				recvs = append(recvs, r.submit(Op{Kind: KindRecvInto, FD: fds[i], Buf: mem[4096*i : 4096*i+1000]}))
			}
			for i := range count {
				write(t, peers[i], bytes.Repeat([]byte{byte(i + round)}, 1000))
			}
			for i := range count {
				if c := r.last(recvs[i]); c.Res != 1000 || c.Err != 0 {
					t.Fatalf("%+v", c)
				}
				sends = append(sends, r.submit(Op{Kind: KindSend, FD: fds[i], Vec: [][]byte{mem[4096*i : 4096*i+1000]}}))
			}
			for i := range count {
				if c := r.last(sends[i]); c.Res != 1000 || c.Err != 0 {
					t.Fatalf("%+v", c)
				}
				got := make([]byte, 1000)
				read(t, peers[i], got)
				if !bytes.Equal(got, bytes.Repeat([]byte{byte(i + round)}, 1000)) {
					t.Fatalf("connection %d got another's bytes", i)
				}
			}
		}
	})
}

// TestNumbersAreUsedAgain: a new socket under an old number starts afresh, whatever state the old one was in.
func TestNumbersAreUsedAgain(t *testing.T) {
	eachBackend(t, func(t *testing.T, r *rig) {
		listener, addr := listen(t)
		accept := r.submit(Op{Kind: KindAccept, FD: listener})
		numbers := make(map[int32]int)
		for i := range 40 {
			peer := dial(t, addr)
			fd := int32(r.next(accept).Res)
			numbers[fd]++
			h := r.submit(Op{Kind: KindRecv, FD: fd, Flags: FlagMulti})
			if i%2 == 0 {
				r.settle() // nothing there yet: the socket is known to be empty
			}
			if _, err := peer.Write([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			if c := r.next(h); c.Res != 1 || c.Recv.Data[0] != byte(i) {
				t.Fatalf("connection %d: %+v", i, c)
			} else {
				r.io.Release(c.Recv.ID)
			}
			_ = peer.Close()
			if c := r.last(h); c.Err != 0 || c.Res != 0 {
				t.Fatalf("connection %d: %+v", i, c)
			}
			r.must(Op{Kind: KindCloseSocket, FD: fd})
		}
		if len(numbers) == 40 {
			t.Fatal("no number came twice: nothing was tested")
		}
	})
}

// TestMovedConnections: a connection begins with one IO and ends with another, which closes it; then the first one meets
// the number again.
func TestMovedConnections(t *testing.T) {
	for _, mode := range []string{"uring", "epoll"} {
		t.Run(mode, func(t *testing.T) {
			onThread(t)
			cfg := Config{RecvBufs: 4, RecvBufBytes: 4096}
			a, b := newRig(t, mode, cfg), newRig(t, mode, cfg)
			listener, addr := listen(t)
			accept := a.submit(Op{Kind: KindAccept, FD: listener})
			numbers := make(map[int32]int)
			for i := range 20 {
				peer := dial(t, addr)
				fd := int32(a.next(accept).Res)
				numbers[fd]++
				for _, r := range []*rig{a, b} {
					h := r.submit(Op{Kind: KindRecv, FD: fd})
					r.settle()
					if _, err := peer.Write([]byte{byte(i)}); err != nil {
						t.Fatal(err)
					}
					if c := r.last(h); c.Res != 1 || c.Recv.Data[0] != byte(i) {
						t.Fatalf("connection %d: %+v", i, c)
					} else {
						r.io.Release(c.Recv.ID)
					}
				}
				b.must(Op{Kind: KindCloseSocket, FD: fd})
				if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				_ = peer.Close()
			}
			if len(numbers) == 20 {
				t.Fatal("no number came twice: nothing was tested")
			}
			a.close()
			b.close()
		})
	}
}
