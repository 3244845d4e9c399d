package batch

import (
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
)

// golden reads an annotated hex file of testdata. A line is hex in wire order, two spaces, its meaning; `00 x 204`
// repeats a byte; lines that begin with # and empty ones say nothing.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  ")
		if line == "" || line[0] == '#' {
			continue
		}
		digits, times, repeated := strings.Cut(line, " x ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		n := 1
		if repeated {
			if n, err = strconv.Atoi(times); err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
		}
		out = append(out, bytes.Repeat(b, n)...)
	}
	return out
}

func TestAProducersBatchIsAdmittedStampedAndSliced(t *testing.T) {
	sent := golden(t, "two_messages.hex")
	var h Hasher
	b, err := h.Admit(sent, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if b.Count() != 2 || b.Length() != 375 || b.OriginTimestamp() != 1_700_000_000_000_000 {
		t.Fatalf("count %d, length %d, origin %d", b.Count(), b.Length(), b.OriginTimestamp())
	}
	frames := bytes.Clone(b.Frames())

	h.Stamp(b, 2, 10, 1_700_000_000_500_000)
	if !bytes.Equal(b.Header(), golden(t, "stamped.hex")) {
		t.Fatalf("stamped header\n%x", b.Header())
	}
	if !bytes.Equal(b.Frames(), frames) {
		t.Fatal("stamping changed the frames")
	}
	if b.NextOffset() != 12 || b.PartitionID() != 2 || b.BaseTimestamp() != 1_700_000_000_500_000 {
		t.Fatalf("next offset %d, partition %d", b.NextOffset(), b.PartitionID())
	}
	if _, err := h.Verify(append(b[:len(b):len(b)], "what follows"...)); err != nil {
		t.Fatalf("what was stamped does not verify: %v", err)
	}

	header, rest := h.Slice([]byte("before"), b, 1, 1)
	if !bytes.Equal(header, golden(t, "slice.hex")) || !bytes.Equal(rest, frames[53:]) {
		t.Fatalf("slice header\n%x\nframes\n%x", header, rest)
	}
	if _, err := h.VerifySlice(append(header, rest...)); err != nil {
		t.Fatalf("the slice does not verify: %v", err)
	}
}

func TestABatchOfARealClientReadsAsItWasMeant(t *testing.T) {
	b, err := Admit(golden(t, "sdk_send.hex"), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	r, rest := Next(b.Frames())
	if string(r.Payload()) != "hello" || len(r.Headers()) != 12 || r.OffsetDelta() != 0 {
		t.Fatalf("first record: %q, headers %x", r.Payload(), r.Headers())
	}
	r, rest = Next(rest)
	if string(r.Payload()) != "world!" || len(r.Headers()) != 25 || r.OffsetDelta() != 1 || r.TimestampDelta() != 26 {
		t.Fatalf("second record: %q, headers %x", r.Payload(), r.Headers())
	}
	if id := r.ID(); hex.EncodeToString(id[:]) != "162373bece6047588027cfb9eb7694bf" || len(rest) != 0 {
		t.Fatalf("id %x, %d bytes left", id, len(rest))
	}
}

func TestTheBuilderMakesTheGoldenBatch(t *testing.T) {
	var b Builder
	b.Reset(1_700_000_000_000_000)
	must(t, b.Add([16]byte{1}, []byte("hello"), nil))
	must(t, b.AddAt(1_700_000_000_000_005, [16]byte{2}, []byte("world!"), []byte("\x02\x01\x00\x00\x00k\x02\x01\x00\x00\x00v")))
	if want := golden(t, "two_messages.hex"); !bytes.Equal(b.Bytes(), want) {
		t.Fatalf("got\n%x\nwant\n%x", b.Bytes(), want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
