package e2e

import (
	bin "encoding/binary"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/e2e/sdk"
)

// formerLogin is a request of the line before today's: login, with name, password, version and an empty context.
const formerLogin = "\x1c\x00\x00\x00\x26\x00\x00\x00\x04iggy\x04iggy\x06\x00\x00\x000.10.0\x00\x00\x00\x00"

// TestFormerClientsAreTold: a request of the former dialect is answered in its own form, in whatever pieces it comes: the version is
// not supported. After that the connection ends.
func TestFormerClientsAreTold(t *testing.T) {
	backends(t, func(t *testing.T, args []string) {
		s := start(t, options{args: args})
		const ping = "\x04\x00\x00\x00\x01\x00\x00\x00"
		for split := 1; split <= 9; split++ {
			p := newPeer(t, s)
			_ = p.SetReadDeadline(time.Now().Add(patience))
			for _, request := range []string{ping, formerLogin} {
				p.send([]byte(request[:min(split, len(request))]))
				p.send([]byte(request[min(split, len(request)):]))
				answer := make([]byte, 8)
				if _, err := io.ReadFull(p, answer); err != nil {
					t.Fatalf("no answer to %q split at %d: %v", request, split, err)
				}
				if status, size := bin.LittleEndian.Uint32(answer), bin.LittleEndian.Uint32(answer[4:]); status != 7 || size != 0 {
					t.Errorf("status %d and %d bytes, want 7 and none", status, size)
				}
			}
			if split < 9 {
				continue
			}
			if more := p.closed(); len(more) > 0 {
				t.Errorf("%q came after the answer", more)
			}
			eventually(t, "the log says what it was and what to use", func() bool {
				return len(s.lines("protocol_refused", p.name(), "Iggy 0.8", "0.11")) == 1
			})
		}
		s.stop()
	})
}

// TestFormerSDKIsTold runs the real SDK of the line before today's.
func TestFormerSDKIsTold(t *testing.T) {
	exe, err := sdk.Former()
	if err != nil {
		t.Skipf("the SDK of the former line can't be set up: %v", err)
	}
	s := start(t, options{})
	begin := time.Now()
	out, err := exec.Command(exe, "python/former.py", s.Address).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "InvalidVersion") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("told after %v", time.Since(begin))
	eventually(t, "the log says what it was", func() bool { return len(s.lines("protocol_refused", "Iggy 0.8")) > 0 })
	s.stop()
}

// TestHTTPAndTLSAreTold runs clients of the standard library of Python.
func TestHTTPAndTLSAreTold(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	s := start(t, options{})
	out, err := exec.Command(python, "python/foreign.py", s.Address).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"http 400", "table of clients", "tls SSLV3_ALERT_HANDSHAKE_FAILURE"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	for _, what := range []string{`"HTTP"`, `"TLS"`} {
		eventually(t, "the log says that it was "+what, func() bool { return len(s.lines("protocol_refused", what)) == 1 })
	}
	s.stop()
}
