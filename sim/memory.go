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

// Get returns n bytes, or nil when the budget is used up. They are full of poison. The capacity is whole blocks.
func (m *Memory) Get(n int) []byte {
	if n <= 0 {
		panic(fmt.Sprintf("sim: %d bytes asked for", n))
	}
	size := (n + blockSize - 1) &^ (blockSize - 1)
	if size > m.left {
		return nil
	}
	m.left -= size
	var b []byte
	if k := len(m.free[size]); k > 0 {
		b = m.free[size][k-1]
		m.free[size] = m.free[size][:k-1]
		for i, v := range b {
			if v != poison {
				panic(fmt.Sprintf("sim: byte %d of %d was written after the memory was given back", i, size))
			}
		}
	} else {
		b = make([]byte, size)
		fill(b)
	}
	m.out[&b[0]] = size
	return b[:n]
}

// Put takes memory back, as Get gave it.
func (m *Memory) Put(b []byte) {
	if cap(b) == 0 {
		panic("sim: empty memory given back")
	}
	b = b[:cap(b)]
	if size, ok := m.out[&b[0]]; !ok || size != len(b) {
		panic("sim: memory given back twice, or not as it was given out")
	}
	delete(m.out, &b[0])
	m.left += len(b)
	fill(b)
	m.free[len(b)] = append(m.free[len(b)], b)
}

func fill(b []byte) {
	for i := range b {
		b[i] = poison
	}
}

// Out is how many buffers are given out.
func (m *Memory) Out() int { return len(m.out) }
