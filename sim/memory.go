package sim

import (
	"bytes"
	"fmt"
)

// Memory is a storage.Memory of a fixed budget that notices when memory is used after it was given back.
type Memory struct {
	left    int
	refused int
	free    map[int][][]byte
	out     map[*byte]int
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
		m.refused++
		return nil
	}
	m.left -= size
	var b []byte
	if k := len(m.free[size]); k > 0 {
		b = m.free[size][k-1]
		m.free[size] = m.free[size][:k-1]
		for at := 0; at < size; at += blockSize {
			if !bytes.Equal(b[at:at+blockSize], poisoned[:]) {
				panic(fmt.Sprintf("sim: memory of %d bytes was written at %d after it was given back", size, at))
			}
		}
	} else {
		b = make([]byte, size)
		fill(b)
	}
	m.out[&b[0]] = size
	return b[:n]
}

// Refused counts how often there was not as much as was asked for.
func (m *Memory) Refused() int { return m.refused }

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

var poisoned = [blockSize]byte(bytes.Repeat([]byte{poison}, blockSize))

func fill(b []byte) {
	for at := 0; at < len(b); at += blockSize {
		copy(b[at:], poisoned[:])
	}
}

// Out is how many buffers are given out.
func (m *Memory) Out() int { return len(m.out) }
