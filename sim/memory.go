package sim

import "fmt"

// Memory is a storage.Memory of a fixed budget that notices when memory is used after it was given back.
type Memory struct {
	left int
	free map[int][][]byte
	out  map[*byte]int
}

const poison = 0xDB

// NewMemory makes a memory of that many bytes.
func NewMemory(budget int) *Memory {
	return &Memory{left: budget, free: map[int][][]byte{}, out: map[*byte]int{}}
}

// Get returns n bytes, or nil when the budget is used up. They are full of poison.
func (m *Memory) Get(n int) []byte {
	if n <= 0 {
		panic(fmt.Sprintf("sim: %d bytes asked for", n))
	}
	if n > m.left {
		return nil
	}
	m.left -= n
	var b []byte
	if k := len(m.free[n]); k > 0 {
		b = m.free[n][k-1]
		m.free[n] = m.free[n][:k-1]
		for i, v := range b {
			if v != poison {
				panic(fmt.Sprintf("sim: byte %d of %d was written after the memory was given back", i, n))
			}
		}
	} else {
		b = make([]byte, n)
		for i := range b {
			b[i] = poison
		}
	}
	m.out[&b[0]] = n
	return b
}

// Put takes memory back that Get gave.
func (m *Memory) Put(b []byte) {
	if cap(b) == 0 {
		return
	}
	p := &b[:1][0]
	n, ok := m.out[p]
	if !ok {
		panic("sim: memory given back twice, or never given out")
	}
	delete(m.out, p)
	m.left += n
	b = b[:n]
	for i := range b {
		b[i] = poison
	}
	m.free[n] = append(m.free[n], b)
}

// Out is how many buffers are given out.
func (m *Memory) Out() int { return len(m.out) }
