package peek

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

const max = 64 << 20

// unhex reads bytes with spaces between them.
func unhex(text string) string {
	p, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return string(p)
}

// stamped is a header of today's with a checksum that is not zero.
func stamped(size uint32, command byte) string {
	p := bytes.Repeat([]byte{0xd7}, 48)
	p = append(p, byte(size), byte(size>>8), byte(size>>16), byte(size>>24))
	p = append(p, 0, 0, 0, 0, 0, 0, 0, 0, command, 0, 0, 0)
	return string(p)
}

var cases = []struct {
	in   string
	want Kind
}{
	{"", More},
	{"G", More}, {"GET", More}, {"GET ", HTTP}, {"GET / HTTP/1.1\r\n", HTTP}, {"POST /streams", HTTP}, {"PRI * HTTP/2.0", HTTP},
	{"DELETE ", HTTP}, {"OPTIONS * ", HTTP}, {"PATCH /x", HTTP}, {"HEAD /", HTTP}, {"PUT /", HTTP}, {"get / http", Unknown},
	{"GETTING ready", Unknown}, {"SSH-2.0-OpenSSH_9.7\r\n", Unknown}, {"hello\r\n", More}, {"*1\r\n$4\r\nPING\r\n", Unknown},
	{unhex("16 03 01 02 00"), More}, {unhex("16 03 01 02 00 01"), TLS}, {unhex("16 03 03 00 f4 01 00 00 f0"), TLS},
	{unhex("16 03 01 02 00 02 00 00"), More},                                 // no ClientHello
	{unhex("04 00 00 00 01 00 00 00"), Former},                               // ping
	{unhex("1f 00 00 00 26 00 00 00 04 69 67 67 79"), Former},                // login
	{unhex("04 00 00 00 ff 03 00 00"), Former},                               // a command that nobody knows
	{unhex("03 00 00 00 01 00 00 00"), More},                                 // too short for a command
	{unhex("04 00 00 00 01 00 01 00"), More},                                 // no command
	{unhex("00 00 00 23 00 12 00 03 00 00 00 01"), Kafka},                    // ApiVersions
	{unhex("00 00 00 14 00 12 00 00"), Kafka},                                //
	{unhex("00 00 00 08 04 d2 16 2f"), More},                                 // PostgreSQL asks for TLS
	{unhex("00 00 00 08 04 d2 16 2f") + strings.Repeat("\x00", 56), Unknown}, //
	{"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", Proxy}, {"\r\n\r\n\x00\r\nQUIT\n", Proxy}, {"\r\n\r\n", More},
	{strings.Repeat("\x00", 4), More}, {strings.Repeat("\x00", 8), Today}, {strings.Repeat("\x00", 300), Today},
	{stamped(256, 5), Today}, {stamped(max, 5), Today}, {stamped(max+1, 5), Unknown}, {stamped(255, 5), Unknown}, {stamped(256, 6), Unknown},
	{stamped(256, 5)[:63], More},
}

func TestFirstBytesTell(t *testing.T) {
	for _, c := range cases {
		if got := Look([]byte(c.in), max); got != c.want {
			t.Errorf("%q: %v, want %v", c.in, got, c.want)
		}
	}
}

// steady checks that no answer but More changes when bytes follow, and that enough of them always decide.
func steady(t *testing.T, p []byte) {
	t.Helper()
	told := More
	for n := range len(p) + 1 {
		got := Look(p[:n], max)
		switch {
		case told != More && got != told:
			t.Fatalf("% x: %v after %d bytes, %v before", p, got, n, told)
		case n >= BytesMax && got == More:
			t.Fatalf("% x: not decided by %d bytes", p, n)
		}
		told = got
	}
}

// TestFirstBytesInPieces: wherever a stream is split, the answer is the same.
func TestFirstBytesInPieces(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, c := range cases {
		for range 20 {
			p := []byte(c.in)
			for len(p) < 2*BytesMax {
				p = append(p, byte(rng.Uint32()))
			}
			steady(t, p)
		}
	}
}

func FuzzFirstBytes(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, p []byte) { steady(t, p[:min(len(p), 200)]) })
}
