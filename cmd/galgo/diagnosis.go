package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/cmd/galgo/machine"
	"github.com/galgo-mq/galgo/diagnose"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/wire"
)

// diagnosis makes the archives that operators ask for, once the broker is known.
type diagnosis struct {
	collector atomic.Pointer[diagnose.Collector]
}

var errJustStarted = errors.New("the broker has only just started")

// archive is for server.Config.Snapshot, which is needed before there is a broker.
func (d *diagnosis) archive(g wire.GetSnapshotFile) ([]byte, error) {
	c := d.collector.Load()
	if c == nil {
		return nil, errJustStarted
	}
	return c.Archive(g)
}

// of says whose archives they are. settings are the caller's no more.
func (d *diagnosis) of(b *server.Server, settings config.Config, cfg *server.Config, lines *diagnose.Log) {
	d.collector.Store(diagnose.New(diagnose.Source{
		DataDir: settings.DataDir,
		Groups:  machine.GroupDirs("/"),
		Facts:   brokerFacts(b.Info(), cfg),
		Log:     lines,
		Config: func() ([]byte, error) {
			return settings.TOML(config.Process{PID: os.Getpid(), Version: server.Version})
		},
		Shards: func() (all []any) {
			for _, s := range b.Stats() {
				all = append(all, s)
			}
			return all
		},
	}))
}

func brokerFacts(i server.Info, cfg *server.Config) []diagnose.Fact {
	return []diagnose.Fact{
		{Name: "version", Value: versionText()},
		{Name: "process", Value: fmt.Sprint(os.Getpid())},
		{Name: "address", Value: i.Address},
		{Name: "input and output", Value: i.Mode},
		{Name: "instead of io_uring because", Value: cmp.Or(i.Note, "-")},
		{Name: "journal is written", Value: i.JournalWay},
		{Name: "shards", Value: fmt.Sprint(i.Shards)},
		{Name: "on cores", Value: config.FormatCPUs(cfg.CPUs)},
		{Name: "pinned", Value: fmt.Sprint(cfg.Pin)},
		{Name: "memory for messages", Value: fmt.Sprint(cfg.MemoryBudget)},
		{Name: "last run ended in order", Value: fmt.Sprint(i.Clean || i.FirstStart)},
		{Name: "journal groups replayed", Value: fmt.Sprint(i.Groups)},
		{Name: "recovery took", Value: i.Recovery.String()},
		{Name: "serves since", Value: time.Now().UTC().Format(time.RFC3339)},
	}
}
