package machine

import (
	"fmt"
	"slices"
)

// Wish is what was asked for. Zero values: nothing.
type Wish struct {
	Shards     int
	CPUs       []int
	Pin        string // auto, true, false
	Memory     int64
	Metadata   int64
	GOMAXPROCS int // explicit, of the environment
}

// Plan is how the server divides the machine.
type Plan struct {
	CPUs       []int // of each shard
	Pin        bool
	Memory     int64
	Metadata   int64 // of the heap, for metadata
	Heap       int64 // from which on the collector works harder; 0: not known
	GOMAXPROCS int
	Notes      []string // what a reader might not expect, a line each
	Warnings   []string // what will go wrong, if it is used
}

const (
	// MemoryPerShardMin is what a shard needs, as the broker has it.
	MemoryPerShardMin = 64 << 20
	memoryShare       = 4
	memoryUnknown     = 512 << 20
	backgroundProcs   = 2 // beside the shards: gateway, hashing, collector
	metadataShare     = 8
	metadataMin       = 8 << 20
	metadataUnknown   = 64 << 20
	outsideBytes      = 32 << 20 // beside heap and memory for messages: code, stacks, the child that hashes, and what the kernel keeps for files and connections
	outsidePerShard   = 10 << 20 // receive buffers, rings, stack
	heapMin           = 22 << 20 // and a half more than metadata: less would only keep the collector busy
)

// Plan divides the machine as wished.
func (m Machine) Plan(w Wish) (Plan, error) {
	p := Plan{Memory: w.Memory, GOMAXPROCS: w.GOMAXPROCS}
	cpus := m.CPUs
	if len(w.CPUs) > 0 {
		for _, cpu := range w.CPUs {
			if !slices.Contains(m.CPUs, cpu) {
				return p, fmt.Errorf("core %d of --cpus is not one that this process may run on: choose among %v", cpu, m.CPUs)
			}
		}
		cpus = w.CPUs
	}
	shards := m.shards(w, len(cpus), &p)
	if least := int64(shards) * MemoryPerShardMin; p.Memory < least {
		return p, fmt.Errorf("memory of %d MiB is too little for %d shards: give at least %d MiB, or fewer shards", p.Memory>>20, shards, least>>20)
	}
	m.divideHeap(w, shards, &p)
	if most := m.Memory / 10 * 8; m.Memory > 0 && p.Memory > most && w.Memory > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("memory = %d MiB is more than 80 %% of the %d MiB that there are: under load the process may be killed for it; give at most %d MiB",
			p.Memory>>20, m.Memory>>20, most>>20))
	}
	shared := len(w.CPUs) == 0 && m.Quota > 0 && int(m.Quota) < len(cpus)
	p.Pin = w.Pin == "true" || w.Pin == "auto" && !shared
	if w.Pin == "auto" && shared {
		p.note("shards are not bound to cores: the CPU quota of %.3g is less than the %d cores, so others may run on the same ones", m.Quota, len(cpus))
	}
	if shards > len(cpus) {
		if p.Pin {
			p.note("%d shards share %d cores, so they are not bound to them", shards, len(cpus))
		}
		p.Pin = false
	}
	for i := range shards {
		p.CPUs = append(p.CPUs, cpus[i%len(cpus)])
	}
	if p.GOMAXPROCS == 0 {
		p.GOMAXPROCS = shards + backgroundProcs
	}
	return p, nil
}

// divideHeap says what metadata may take, and how large the heap may become before the collector tries to keep it there. The limit is
// a soft one: it never refuses memory.
func (m Machine) divideHeap(w Wish, shards int, p *Plan) {
	p.Metadata = w.Metadata
	if p.Metadata == 0 {
		p.Metadata = max(metadataMin, m.Memory/metadataShare)
		if m.Memory == 0 {
			p.Metadata = metadataUnknown
		}
	}
	if m.Memory > 0 {
		left := m.Memory - p.Memory - outsideBytes - int64(shards)*outsidePerShard
		p.Heap = max(left, heapMin, p.Metadata+p.Metadata/2)
	}
}

// shardsMax is what the broker can join.
const shardsMax = 256

// shards says how many there will be, and settles the memory that they share.
func (m Machine) shards(w Wish, cpus int, p *Plan) int {
	n := w.Shards
	if n == 0 {
		n = min(cpus, shardsMax)
		if len(w.CPUs) == 0 && m.Quota > 0 {
			n = min(n, max(1, int(m.Quota)))
		}
		if g := w.GOMAXPROCS; g > 0 {
			if fewer := min(n, max(1, g-1)); fewer < n {
				p.note("GOMAXPROCS=%d leaves %d of %d shards", g, fewer, n)
				n = fewer
			}
		}
	}
	if p.Memory == 0 {
		p.Memory = m.Memory / memoryShare
		if m.Memory == 0 {
			p.Memory = memoryUnknown
		}
	}
	if fewer := max(1, int(p.Memory/MemoryPerShardMin)); w.Shards == 0 && fewer < n {
		if p.Memory >= MemoryPerShardMin {
			p.note("%d MiB of memory for messages are enough for %d of %d shards", p.Memory>>20, fewer, n)
		} else {
			p.note("a quarter of the memory is %d MiB, less than a shard needs: 1 of %d shards is taken, with %d MiB", p.Memory>>20, n, MemoryPerShardMin>>20)
		}
		n = fewer
	}
	if w.Memory == 0 { // too little of what was asked for is refused
		p.Memory = max(p.Memory, int64(n)*MemoryPerShardMin)
	}
	return n
}

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}
