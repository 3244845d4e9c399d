package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/sim"
)

func simCommand() *cobra.Command {
	var seed uint64
	var steps, runs int
	var verbose bool
	c := &cobra.Command{
		Use:   "sim",
		Short: "Run whole brokers with their clients, disk and network from a seed",
		Long: `Run whole brokers, each in one goroutine from one seed: shards with their connections, journals and replicas of the metadata, clients that
misbehave, kills, power cuts and starts. Whatever contradicts what clients were told ends in exit code 1, with the seed that does it again.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log := zap.NewNop()
			if verbose {
				log, _ = zap.NewDevelopment()
			}
			if err := simulate(c.OutOrStdout(), log, seed, steps, runs); err != nil {
				return exit{exitFailed, err}
			}
			return nil
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 0, "of the first run (0: chosen by chance); those behind it count up from it")
	c.Flags().IntVar(&steps, "steps", 20_000, "of each run")
	c.Flags().IntVar(&runs, "runs", 1, "how many runs")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "print the log of the brokers")
	return c
}

// simulate runs worlds, and prints what they did.
func simulate(out io.Writer, log *zap.Logger, seed uint64, steps, runs int) error {
	if seed == 0 {
		seed = rand.Uint64()
	}
	begin := time.Now()
	var all sim.Counts
	done, turns, asked := 0, 0, 0
	for i := range runs {
		r, err := sim.Run(seed+uint64(i), steps, log)
		if err != nil {
			return err
		}
		all.Add(r.Counts)
		done, turns, asked = done+r.Steps, turns+r.Turns, max(asked, r.Asked)
		if runs == 1 {
			fmt.Fprintf(out, "hash %016x\n", r.Hash)
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	took := time.Since(begin)
	fmt.Fprintf(w, "seeds\t%d to %d\nsteps\t%d, %.0f a second\nturns\t%d\nmost operations of a turn\t%d\n", seed, seed+uint64(runs-1), done, float64(done)/took.Seconds(), turns, asked)
	for v, i := reflect.ValueOf(all), 0; i < v.NumField(); i++ {
		fmt.Fprintf(w, "%s\t%d\n", v.Type().Field(i).Name, v.Field(i).Int())
	}
	return w.Flush()
}
