package board

import (
	"sync"
	"sync/atomic"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

// Logs are what every shard may know of every log: its owner writes, replies that describe things read. The zero value knows of none.
type Logs struct {
	mu   sync.RWMutex
	logs map[metadata.LogID]*Counters
}

// Counters are one log's, written by its owner at the end of a turn.
type Counters struct {
	records, bytes, current atomic.Uint64
	segments                atomic.Uint32
}

// Open adds a log; its owner keeps the counters it returns.
func (c *Logs) Open(id metadata.LogID) *Counters {
	l := &Counters{}
	l.segments.Store(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logs == nil {
		c.logs = make(map[metadata.LogID]*Counters)
	}
	c.logs[id] = l
	return l
}

// Drop forgets a log.
func (c *Logs) Drop(id metadata.LogID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.logs, id)
}

// Log returns what is known of a log; a log that is not open yet is empty.
func (c *Logs) Log(id metadata.LogID) storage.LogStats {
	c.mu.RLock()
	l := c.logs[id]
	c.mu.RUnlock()
	if l == nil {
		return storage.LogStats{Segments: 1}
	}
	return storage.LogStats{Records: l.records.Load(), Bytes: l.bytes.Load(), Current: storage.Offset(l.current.Load()),
		Segments: l.segments.Load()}
}

// Add adds up some partitions of a topic. Current is meaningless.
func (c *Logs) Add(sum *storage.LogStats, parts []metadata.Partition) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := range parts {
		l := c.logs[parts[i].Log]
		if l == nil {
			sum.Segments++ // it is not open yet
			continue
		}
		sum.Records += l.records.Load()
		sum.Bytes += l.bytes.Load()
		sum.Segments += l.segments.Load()
	}
}

// Show shows what changed in the log.
func (c *Counters) Show(st storage.LogStats) {
	c.records.Store(st.Records)
	c.bytes.Store(st.Bytes)
	c.current.Store(uint64(st.Current))
	c.segments.Store(st.Segments)
}
