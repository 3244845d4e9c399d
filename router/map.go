package router

import "fmt"

// Map says which shard owns a log. Every shard has a replica of its own and applies the same changes in the same order,
// one log at a time: ten thousand logs are not copied because one moved.
type Map struct {
	owners map[LogID]ShardID
	counts []int // logs per shard
}

// NewMap makes an empty map for the given number of shards.
func NewMap(shards int) *Map {
	return &Map{owners: make(map[LogID]ShardID), counts: make([]int, shards)}
}

// Owner returns the shard that owns a log. False: no such log (or its creation has not arrived here yet).
func (m *Map) Owner(log LogID) (ShardID, bool) {
	owner, ok := m.owners[log]
	return owner, ok
}

// Set makes a shard the owner of a log, new or moved.
func (m *Map) Set(log LogID, owner ShardID) {
	if int(owner) >= len(m.counts) {
		panic(fmt.Sprintf("BUG: log %d given to shard %d of %d", log, owner, len(m.counts)))
	}
	if old, ok := m.owners[log]; ok {
		m.counts[old]--
	}
	m.owners[log] = owner
	m.counts[owner]++
	m.invariants()
}

// Delete forgets a log; one that is not there stays away.
func (m *Map) Delete(log LogID) {
	if old, ok := m.owners[log]; ok {
		m.counts[old]--
		delete(m.owners, log)
	}
	m.invariants()
}

// Len is the number of logs.
func (m *Map) Len() int { return len(m.owners) }

// Count is the number of logs that a shard owns.
func (m *Map) Count(shard ShardID) int { return m.counts[shard] }

func (m *Map) invariants() {
	if !invariantsOn {
		return
	}
	sum := 0
	for _, n := range m.counts {
		sum += n
	}
	if sum != len(m.owners) {
		panic(fmt.Sprintf("BUG: map counts %d logs over its shards, holds %d", sum, len(m.owners)))
	}
}
