// Package diagnose gathers what an operator needs to know of a broker and its machine, as one zip archive.
//
// It reads /proc, the control groups and the data directory, and runs no command. No secret may get in: of processes it
// shows the names and never arguments or environment, of mounts no option whose value could be one, of files the sizes
// alone; of the configuration what its owner gives it. Time and size are bounded: what does not fit is counted and said.
//
// It leaves to others: who may ask, and how the archive gets to them.
package diagnose

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/galgo-mq/galgo/wire"
)

const (
	// patience is how long gathering may take; what is not there by then is left out. Packing comes after it.
	patience = 10 * time.Second

	// linesMax is how many folders and how many processes are listed.
	linesMax = 1000
)

// Source is what only the broker's owner can say. Funcs may be called from any goroutine.
type Source struct {
	DataDir string
	Groups  []string               // directories of the control groups that bound the process, its own first
	Facts   []Fact                 // how the broker was started
	Shards  func() []any           // counters of each shard, structs of one type; may have to wait for the shards
	Config  func() ([]byte, error) // the effective configuration, without secrets
	Log     *Log
	Now     func() time.Time // nil: the clock
}

// Fact is one thing to be known, with a name.
type Fact struct{ Name, Value string }

// Collector makes archives, one at a time or several.
type Collector struct {
	source Source
	asking chan struct{} // full while the shards are being asked
}

// New returns a collector for one broker.
func New(s Source) *Collector {
	if s.Now == nil {
		s.Now = time.Now
	}
	return &Collector{source: s, asking: make(chan struct{}, 1)}
}

// entry is one file of the archive.
type entry struct {
	name  string
	write func(c *Collector, ctx context.Context, to *bytes.Buffer)
}

// entries by the type that asks for them.
var entries = map[wire.SnapshotType]entry{
	wire.SnapshotFilesystemOverview: {"filesystem_overview.txt", (*Collector).filesystem},
	wire.SnapshotProcessList:        {"process_list.txt", (*Collector).processes},
	wire.SnapshotResourceUsage:      {"resource_usage.txt", (*Collector).resources},
	wire.SnapshotTest:               {"test.txt", func(_ *Collector, _ context.Context, to *bytes.Buffer) { to.WriteString("test\n") }},
	wire.SnapshotServerLogs:         {"server_logs.txt", (*Collector).logs},
	wire.SnapshotServerConfig:       {"server_config.txt", (*Collector).config},
}

// everything is what wire.SnapshotAll stands for.
var everything = []wire.SnapshotType{wire.SnapshotFilesystemOverview, wire.SnapshotProcessList, wire.SnapshotResourceUsage,
	wire.SnapshotServerLogs, wire.SnapshotServerConfig}

// Archive makes the archive: one entry per type, in the order in which they were asked for. A panic is an error here: the
// broker that is looked at must go on.
func (c *Collector) Archive(g wire.GetSnapshotFile) (archive []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			archive, err = nil, fmt.Errorf("diagnose: panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	types := g.Types
	if slices.Contains(types, wire.SnapshotAll) {
		types = everything
	}
	var packed, text bytes.Buffer
	z := zip.NewWriter(&packed)
	pack, err := packing(z, g.Compression)
	if err != nil {
		return nil, err
	}
	for i, t := range types {
		e, known := entries[t]
		if !known {
			return nil, fmt.Errorf("diagnose: there is no type %d", t)
		}
		if slices.Contains(types[:i], t) {
			continue
		}
		text.Reset()
		e.write(c, ctx, &text)
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: pack.method, Flags: pack.flags, Modified: c.source.Now().UTC()})
		if err == nil {
			_, err = w.Write(text.Bytes())
		}
		if err != nil {
			return nil, fmt.Errorf("diagnose: pack %s: %w", e.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("diagnose: pack: %w", err)
	}
	return packed.Bytes(), nil
}

func (c *Collector) logs(_ context.Context, to *bytes.Buffer) {
	lines := c.source.Log.Lines()
	if len(lines) == 0 {
		lines = []byte("nothing has been logged\n")
	}
	to.Write(lines)
}

func (c *Collector) config(_ context.Context, to *bytes.Buffer) {
	text, err := c.source.Config()
	if err != nil {
		fmt.Fprintf(to, "cannot be shown: %v\n", err)
		return
	}
	to.Write(text)
}
