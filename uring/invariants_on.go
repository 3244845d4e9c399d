//go:build invariants

package uring

// poison makes use after release visible.
func poison(p []byte) {
	for i := range p {
		p[i] = 0xdb
	}
}
