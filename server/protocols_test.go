package server

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/wire/peek"
)

// TestProtocolsAreThoseThatPeekKnows: each kind of first bytes that has a name has one protocol, and its recogniser is its own.
func TestProtocolsAreThoseThatPeekKnows(t *testing.T) {
	known := Protocols()
	for kind := peek.Today; kind < peek.Unknown; kind++ {
		n := 0
		for _, x := range known {
			if x.Name == kind.String() {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d protocols are called %q", n, kind)
		}
	}
	if len(known) != int(peek.Unknown-peek.Today) {
		t.Errorf("%d protocols", len(known))
	}
	for _, x := range known {
		if len(x.Answer) > front.TopBytes {
			t.Errorf("the answer to %s has %d bytes, and there is room for %d", x.Name, len(x.Answer), front.TopBytes)
		}
	}
}

// TestAnswerToHTTP is whole, and says what to use.
func TestAnswerToHTTP(t *testing.T) {
	rest := bufio.NewReader(strings.NewReader(httpAnswer))
	r, err := http.ReadResponse(rest, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusBadRequest || string(body) != httpText || !strings.Contains(httpText, front.UseClients) || rest.Buffered() != 0 {
		t.Errorf("status %d, %q, %d bytes behind, %v", r.StatusCode, body, rest.Buffered(), err)
	}
}
