//go:build invariants

package uring

const invariantsOn = true

// poison makes use after release visible. It doubles what it has written: byte by byte it took most of a checked build's
// time.
func poison(p []byte) {
	if len(p) == 0 {
		return
	}
	p[0] = 0xdb
	for n := 1; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}
