package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/cmd/galgo/machine"
	"github.com/galgo-mq/galgo/server"
	"github.com/galgo-mq/galgo/shard"
	"github.com/galgo-mq/galgo/uring"
)

const (
	// gcPercent is higher than Go's 100 because the heap holds no messages: it is a few megabytes, and collecting it
	// when it has doubled would be often and save nothing.
	gcPercent = 400
)

func serverCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "server",
		Short: "Run the broker",
		Long: "Run the broker. Settings come from flags, then GALGO_ variables, then the file named by --config, then defaults;\n" +
			"docs/configuration.md lists them.",
		Args:    cobra.NoArgs,
		Version: versionText(),
		RunE: func(c *cobra.Command, _ []string) error {
			hangups := catchHangups()
			cfg, err := config.Load(c.Flags(), os.Environ())
			if err != nil {
				return exit{exitUsage, err}
			}
			again := func() (*config.Config, error) { return config.Load(c.Flags(), os.Environ()) }
			return failing(func(*cobra.Command, []string) error {
				return serve(cfg, false, &reloader{hangups: hangups, again: again})
			})(c, nil)
		},
	}
	config.AddFlags(c.Flags())
	return c
}

// serve is the life of the server. fresh: without the data that is there. Whoever reads the log as JSON gets the reason of a
// bad end in it.
func serve(c *config.Config, fresh bool, r *reloader) error {
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to end
	log := newLog(c)
	defer func() { _ = log.Sync() }()
	r.last, r.log = *c, log
	go r.run()
	err := live(c, fresh, log)
	if err != nil && c.LogFormat == "json" {
		log.Error(err.Error(), zap.String("event", "failed"))
		return logged{err}
	}
	return err
}

// live starts, waits for the end, and ends.
func live(c *config.Config, fresh bool, out serverLog) error {
	log := out.Logger
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	for _, w := range c.Warnings {
		log.Warn(w, zap.String("event", "configuration"))
	}
	cfg, err := prepare(c, log)
	if err != nil {
		return err
	}
	if fresh {
		if err := removeData(c.DataDir, server.LockPatience, log); err != nil {
			return err
		}
	}
	if c.PprofAddress != "" {
		if err := servePprof(c.PprofAddress, log); err != nil {
			return err
		}
	}
	h := newHasher(c.HashTimeout, log)
	defer h.Close()
	cfg.Hasher, cfg.Root = h, rootCredentials(c, os.Stdout, h.hashes.Hash)
	var d diagnosis
	cfg.Snapshot = d.archive
	return serveOn(c, cfg, &d, out, signals)
}

// serveOn runs servers until one ends in order or fails: the one after a server that had no room to start is started in order.
func serveOn(c *config.Config, cfg server.Config, d *diagnosis, out serverLog, signals <-chan os.Signal) error {
	n := newNotifier(out.Logger)
	b, err := start(func() (*server.Server, error) { return server.Start(cfg) }, signals)
	for err == nil {
		c.TCPAddress, c.FrameSizeMax, c.ConnectionsMax = b.Info().Address, int64(b.FrameBytesMax()), b.ConnectionsMax()
		d.of(b, *c, &cfg, out.lines)
		sayStarted(c, b.Info(), out.Logger)
		if err := writeCurrent(c); err != nil {
			out.Error("clients are served, but tools that look for the address will not find it", zap.String("event", "current_config_not_written"), zap.Error(err))
		}
		if c.Announce {
			go announce(os.Stdout, c.TCPAddress) // whoever reads it may not
			c.Announce = false
		}
		n.ready(c.TCPAddress)
		if err = wait(b, signals, c.ShutdownTimeout, n, out.Logger); !errors.Is(err, server.ErrRoom) {
			return err
		}
		b, err = start(b.StartAgain, signals)
	}
	return err
}

// prepare settles what depends on the machine, and says it.
func prepare(c *config.Config, log *zap.Logger) (server.Config, error) {
	m, err := machine.Look("/")
	if err != nil {
		return server.Config{}, err
	}
	procs, _ := strconv.Atoi(os.Getenv("GOMAXPROCS")) // as the runtime reads it: what is no number is not there
	plan, err := m.Plan(machine.Wish{Shards: c.Shards, CPUs: c.CPUs, Pin: c.Pin, Memory: c.Memory, Metadata: c.MetadataBytes, GOMAXPROCS: procs})
	if err != nil {
		return server.Config{}, exit{exitUsage, err}
	}
	runtime.GOMAXPROCS(plan.GOMAXPROCS)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" && plan.Heap > 0 {
		debug.SetMemoryLimit(plan.Heap)
	}
	machine.RaiseLimits()
	sayPlan(c, plan, log)
	heartbeat := c.HeartbeatInterval
	if !c.HeartbeatEnabled {
		heartbeat = 0
	}
	return server.Config{
		Config: shard.Config{
			Limits: shard.Limits{ConnectionsPerAddressMax: c.ConnectionsPerAddressMax, StreamsMax: c.StreamsMax, TopicsMax: c.TopicsMax,
				PartitionsMax: c.PartitionsMax, UsersMax: c.UsersMax, TokensMax: c.TokensPerUserMax, GroupsMax: c.GroupsMax,
				MembersMax: c.MembersMax, NameBytesMax: c.NameBytesMax,
				RequestsInFlightMax: c.RequestsInFlightMax, ConnectionBytesMax: int(c.ConnectionMemory), MetadataBytesMax: plan.Metadata, ConsumersPerLogMax: c.ConsumersPerLogMax},
			HeartbeatInterval: heartbeat, TokenCleanerInterval: c.TokenCleanerInterval, RebalancingTimeout: c.RebalancingTimeout, PollHold: c.PollHold,
			DataDir: c.DataDir, Replicated: c.Replicated, WrittenLossBound: c.WrittenLossBound, FrameBytesMax: int(c.FrameSizeMax),
			ConnectionsMax: c.ConnectionsMax, HandshakeTimeout: c.HandshakeTimeout, RequestTimeout: c.RequestTimeout, SendTimeout: c.SendTimeout,
			ShutdownTimeout: c.ShutdownTimeout, RetentionInterval: c.RetentionInterval, OffsetsHold: c.OffsetsHold},
		KeepAlive: uring.KeepAlive{Idle: c.KeepaliveIdle, Interval: c.KeepaliveInterval, UserTimeout: c.UserTimeout},
		Address:   c.TCPAddress, IO: c.IO, CPUs: plan.CPUs, Pin: plan.Pin, PinOrNot: c.Pin == "auto", MemoryBudget: plan.Memory,
		JournalBytes: c.JournalSize, RetryFenced: c.RetryFenced, AcceptLoss: c.AcceptLoss, JournalWrites: c.JournalWrites, Log: log,
	}, nil
}

func sayPlan(c *config.Config, plan machine.Plan, log *zap.Logger) {
	dir := c.DataDir
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	pinned := "pinned"
	if !plan.Pin {
		pinned = "not pinned"
	}
	log.Info(versionText(), zap.String("event", "starting"), zap.String("version", server.Version), zap.Int("pid", os.Getpid()))
	log.Info("data directory "+dir, zap.String("event", "data_directory"), zap.String("data_dir", dir))
	log.Info(fmt.Sprintf("shards: %d, on cores %s, %s; memory for messages: %d MiB", len(plan.CPUs), config.FormatCPUs(plan.CPUs), pinned, plan.Memory>>20),
		zap.String("event", "plan"), zap.Int("shards", len(plan.CPUs)), zap.Bool("pinned", plan.Pin), zap.Int64("memory_bytes", plan.Memory))
	for _, n := range plan.Warnings {
		log.Warn(n, zap.String("event", "plan_warning"))
	}
	for _, n := range plan.Notes {
		log.Info(n, zap.String("event", "plan_note"))
	}
	if c.Dev {
		password := "the password that was given"
		if c.RootPassword == config.DevPassword {
			password = "password " + c.RootPassword
		}
		log.Warn("development: a new data directory gets user "+c.RootUsername+" with "+password+"; only this machine is served", zap.String("event", "development"))
	}
}

func sayStarted(c *config.Config, i server.Info, log *zap.Logger) {
	if i.Note != "" {
		log.Warn(i.Note, zap.String("event", "io_fallback"))
	}
	log.Info("input and output by "+i.Mode+"; the journal is written "+i.JournalWay, zap.String("event", "io"), zap.String("io", i.Mode))
	ended := "the last run ended in order"
	switch {
	case i.FirstStart:
		ended = "the data directory is new"
	case !i.Clean:
		ended = fmt.Sprintf("the last run did not end in order, %d journal groups were replayed", i.Groups)
	}
	log.Info(fmt.Sprintf("recovered in %s: %s", i.Recovery.Round(time.Millisecond), ended), zap.String("event", "recovered"),
		zap.Duration("took", i.Recovery), zap.Bool("clean", i.Clean || i.FirstStart), zap.Int("groups", i.Groups))
	log.Info(rootRule(c, i.FirstStart), zap.String("event", "users"), zap.Bool("first_start", i.FirstStart))
	log.Info("listening on "+i.Address, zap.String("event", "listening"), zap.String("address", i.Address))
}

// start recovers and serves. A signal meanwhile ends the process: recovery may be cut off anywhere.
func start(begin func() (*server.Server, error), signals <-chan os.Signal) (*server.Server, error) {
	type started struct {
		b   *server.Server
		err error
	}
	done := make(chan started, 1)
	go func() {
		b, err := begin()
		done <- started{b, err}
	}()
	select {
	case s := <-done:
		return s.b, s.err
	case s := <-signals:
		return nil, exit{signalCode(s), fmt.Errorf("%s while starting", s)}
	}
}

// wait waits for a signal, or for the broker to end by itself, and ends in order.
func wait(b *server.Server, signals <-chan os.Signal, timeout time.Duration, n notifier, log *zap.Logger) error {
	select {
	case <-b.Done():
		if err := b.Err(); errors.Is(err, server.ErrRoom) {
			return err
		}
		return exit{exitJournal, cmp.Or(b.Err(), errors.New("the broker ended by itself"))}
	case s := <-signals:
		log.Info(fmt.Sprintf("%s: ending in order; another signal, later than %s, ends at once", s, signalRepeatMax), zap.String("event", "ending"), zap.Stringer("signal", s))
		n.say("STOPPING=1")
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), timeout, fmt.Errorf("not everything was written within shutdown_timeout = %s", timeout))
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- b.Shutdown(ctx) }()
	forced, err := awaitEnd(ended, signals, time.After(signalRepeatMax), log)
	switch {
	case forced != nil:
		return exit{signalCode(forced), fmt.Errorf("%s again: ended at once, the next start recovers", forced)}
	case b.Err() != nil && !errors.Is(b.Err(), server.ErrRoom): // there was room just now, and the signal came first
		return exit{exitJournal, b.Err()}
	case err != nil && !errors.Is(err, server.ErrRoom):
		return err
	}
	log.Info("ended in order", zap.String("event", "ended"))
	return nil
}
