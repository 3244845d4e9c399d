package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/galgo-mq/galgo/bench"
)

func benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "Put a broker under load and measure it",
		Long: "Put a broker under load and measure it. Load is a closed loop unless --rate is given: then requests are due at fixed times,\n" +
			"and latency counts from when they were due.",
	}
	c.AddCommand(loadCommand("send", "Measure producers"), loadCommand("poll", "Measure consumers of messages that are there"),
		loadCommand("both", "Measure producers, and consumers that follow them"), compareCommand())
	return onlyCommands(c)
}

// loadCommand is galgo bench send, poll or both.
func loadCommand(kind, short string) *cobra.Command {
	var (
		w            bench.Workload
		size, filled string
		asJSON       bool
		sends, polls = kind != "poll", kind != "send"
	)
	c := &cobra.Command{Use: kind, Short: short, Args: cobra.NoArgs}
	f := c.Flags()
	f.StringVar(&w.Address, "address", "127.0.0.1:8090", "`host:port` of the broker")
	f.StringVar(&w.Username, "username", "iggy", "user that may create streams")
	f.StringVar(&w.Password, "password", "", "password of the user (GALGO_PASSWORD, or iggy)")
	f.StringVar(&size, "message-size", "1000", "`size` of a message's payload")
	f.IntVar(&w.BatchMessages, "batch", 1000, "messages in a send")
	f.IntVar(&w.Partitions, "partitions", 0, "partitions of the topic (0: one per producer, or per consumer)")
	f.StringVar(&w.Durability, "durability", "", "of the topic: persisted, written, memory or replicated (empty: the server's default)")
	f.DurationVar(&w.Duration, "duration", 10*time.Second, "how long to measure")
	f.DurationVar(&w.Warmup, "warmup", time.Second, "how long to run before that")
	f.Uint64Var(&w.Messages, "messages", 0, "how many messages instead of how long")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	if sends {
		f.IntVar(&w.Producers, "producers", 8, "connections that send")
		f.Float64Var(&w.Rate, "rate", 0, "messages a second of all producers together (0: as fast as answers come)")
		f.BoolVar(&w.Fresh, "fresh", kind == "both", "build every batch anew, as an application does (always when there are consumers)")
	}
	if polls {
		f.IntVar(&w.Consumers, "consumers", 8, "connections that poll")
		f.IntVar(&w.PollMessages, "poll", 1000, "messages in a poll, at most")
	}
	if !sends {
		f.StringVar(&filled, "prefill", "0", "`size` of what is sent to each partition beforehand (0: enough)")
	}
	c.RunE = failing(func(c *cobra.Command, _ []string) error {
		n, err := humanize.ParseBytes(size)
		if err != nil {
			return exit{exitUsage, fmt.Errorf("--message-size: %q is not a size: write a number and a unit, as in 1KiB", size)}
		}
		w.MessageBytes = int(min(n, 1<<30))
		if _, known := levels[w.Durability]; !known {
			return exit{exitUsage, fmt.Errorf("--durability: %q is none of persisted, written, memory, replicated", w.Durability)}
		}
		if filled != "" {
			if n, err = humanize.ParseBytes(filled); err != nil {
				return exit{exitUsage, fmt.Errorf("--prefill: %q is not a size: write a number and a unit, as in 64MiB", filled)}
			}
			w.PrefillBytes = int64(min(n, 1<<50))
		}
		w.Password = firstOf(w.Password, os.Getenv("GALGO_PASSWORD"), "iggy")
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		stopProgress := showProgress(os.Stderr, isTerminal(os.Stderr), w.Warmup+w.Duration, w.Messages)
		r, err := bench.Run(ctx, w)
		stopProgress()
		if err != nil {
			return inWords(err)
		}
		if asJSON {
			e := json.NewEncoder(c.OutOrStdout())
			e.SetIndent("", " ")
			err = e.Encode(r)
		} else {
			r.Write(c.OutOrStdout())
		}
		return errors.Join(err, complain(r))
	})
	return c
}

// complain makes a run in which requests failed end with an error, for scripts.
func complain(r bench.Result) error {
	for _, s := range []*bench.Side{r.Sent, r.Polled} {
		if s != nil && s.Errors > 0 {
			return fmt.Errorf("%d requests failed", s.Errors)
		}
	}
	return nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func compareCommand() *cobra.Command {
	var (
		cmp       = bench.Comparison{Command: []string{self(), "server", "--log-level", "warn"}, Commit: commitMark(), Progress: os.Stderr}
		scenarios []string
		results   string
		names     []string
		against   bench.Against
	)
	for _, s := range bench.Scenarios() {
		names = append(names, s.Name)
	}
	c := &cobra.Command{
		Use:   "compare",
		Short: "Measure this build: io_uring beside epoll, durability levels side by side",
		Long: "Measure this build: starts brokers of its own on new data directories, runs every scenario at every level on each, in rounds\n" +
			"that take turns, prints medians and writes raw results. Messages of a run are removed after it; up to some 10 GB of disk are\n" +
			"used meanwhile. Scenarios are named by what is done, connections, messages per request, and bytes per message.\n\n" +
			"With --against BINARY, another build is measured too: a round runs both in turn, in both orders. Printed is the median of the rounds'\n" +
			"ratios, with its 95 % interval; rows whose interval has the bar inside get more rounds. A row below the bar ends in exit code 1;\n" +
			"one that all rounds left undecided says so, and counts by its median.",
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&cmp.Parent, "data-parent", ".", "`directory` in which data directories are made and removed; its disk is what is measured")
	f.IntVar(&cmp.Rounds, "rounds", 3, "how often everything is run; at least 5 with --against")
	f.StringVar(&against.Other, "against", "", "`binary` of another build to measure against")
	f.IntVar(&against.RoundsMax, "rounds-max", 20, "how often rows are run that --against has not decided")
	f.Float64Var(&against.Bar, "bar", 0.97, "ratio that every row of --against has to reach")
	f.DurationVar(&cmp.Duration, "duration", 3*time.Second, "how long a run is measured")
	f.DurationVar(&cmp.Warmup, "warmup", 500*time.Millisecond, "how long it runs before that")
	f.StringSliceVar(&cmp.IO, "io", []string{"uring", "epoll"}, "ways to ask the kernel")
	f.StringSliceVar(&cmp.Levels, "levels", []string{"persisted", "written", "memory"}, "durability of the topics; polls are run at the first")
	f.StringSliceVar(&scenarios, "scenarios", names, "what is run")
	f.StringVar(&results, "results", "bench/results", "`directory` for raw results, as JSON (empty: none)")
	c.RunE = failing(func(c *cobra.Command, _ []string) error {
		for _, s := range bench.Scenarios() {
			if slices.Contains(scenarios, s.Name) {
				cmp.Scenarios = append(cmp.Scenarios, s)
			}
		}
		if len(cmp.Scenarios) != len(scenarios) || len(cmp.IO) == 0 || len(cmp.Levels) == 0 || cmp.Rounds < 1 {
			return exit{exitUsage, fmt.Errorf("nothing to compare: scenarios are %s, and at least one of each of them, io, levels and rounds is needed",
				strings.Join(names, ", "))}
		}
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		if against.Other != "" {
			against.Comparison = cmp
			return runAgainst(ctx, against, results, c.OutOrStdout())
		}
		r, err := cmp.Run(ctx)
		if len(r.Runs) == 0 {
			return errors.Join(err, errors.New("nothing was measured"))
		}
		r.Write(c.OutOrStdout())
		if results != "" {
			name, saveErr := r.Save(results)
			if saveErr != nil {
				return errors.Join(err, saveErr)
			}
			fmt.Fprintln(c.OutOrStdout(), "raw results:", name)
		}
		return err
	})
	return c
}

// roundsMin is how many rounds a median of ratios wants.
const roundsMin = 5

// runAgainst measures against another build, prints and saves what was found, and fails when a row is below the bar.
func runAgainst(ctx context.Context, a bench.Against, results string, out io.Writer) error {
	a.Rounds = max(a.Rounds, roundsMin)
	r, err := a.Run(ctx)
	if len(r.Rows) == 0 {
		return errors.Join(err, errors.New("nothing was measured"))
	}
	r.Write(out)
	if results != "" {
		name, saveErr := r.Save(results)
		if saveErr != nil {
			return errors.Join(err, saveErr)
		}
		fmt.Fprintln(out, "raw results:", name)
	}
	if failed := r.Failed(); len(failed) > 0 {
		err = errors.Join(err, fmt.Errorf("below %.2f of the other build: %s", a.Bar, strings.Join(failed, "; ")))
	}
	return err
}
