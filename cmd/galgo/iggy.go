package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/server"
)

const iggyName = "iggy-server"

// arguments are those of the command line, with the command that the binary's name stands for.
func arguments(argv []string) []string {
	args := slices.Clone(argv[min(1, len(argv)):])
	isHasher := len(args) > 0 && args[0] == hashWorkerName // our own child
	if len(argv) > 0 && filepath.Base(argv[0]) == iggyName && !isHasher {
		args = append([]string{iggyName}, args...)
	}
	return args
}

// iggyCommand starts as an Iggy server does: docs/drop-in.md.
func iggyCommand() *cobra.Command {
	var o config.IggyOptions
	c := &cobra.Command{
		Use:   iggyName,
		Short: "Run the broker in the place of an Iggy server: its variables, flags and signs of readiness",
		Long: "Run the broker in the place of an Iggy server: with its variables IGGY_*, its flags, and what scripts wait for. A binary or a link\n" +
			"named " + iggyName + " is this command. GALGO_ variables count as well, and win. docs/drop-in.md has the list.",
		Args:    cobra.NoArgs,
		Version: versionText(),
		RunE: func(c *cobra.Command, _ []string) error {
			hangups := catchHangups()
			for _, name := range []string{"config-provider", "follower"} {
				if c.Flags().Changed(name) {
					o.Ignored = append(o.Ignored, "--"+name)
				}
			}
			cfg, err := config.LoadIggy(o, os.Environ())
			if err != nil {
				return exit{exitUsage, err}
			}
			return failing(func(*cobra.Command, []string) error {
				if err := display(cfg, os.Stdout); err != nil {
					return err
				}
				return serve(cfg, o.Fresh, &reloader{hangups: hangups, again: func() (*config.Config, error) { return config.LoadIggy(o, os.Environ()) }})
			})(c, nil)
		},
	}
	f := c.Flags()
	f.BoolVarP(&o.Fresh, "fresh", "f", false, "remove the data that is there first")
	f.BoolVar(&o.DefaultRoot, "with-default-root-credentials", false, "the first user is iggy with password iggy, unless the environment says otherwise")
	f.Uint8("replica-id", 0, "accepted: this is one node")
	f.StringP("config-provider", "c", "file", "accepted, and changes nothing")
	f.Bool("follower", false, "accepted, and changes nothing")
	f.SortFlags = false
	return c
}

// display prints the configuration, without secrets, if that was asked for.
func display(c *config.Config, out io.Writer) error {
	if !c.Display {
		return nil
	}
	text, err := c.TOML(config.Process{PID: os.Getpid(), Version: server.Version})
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("show the configuration: %w", err)
	}
	return nil
}

// announce says that clients are served, with the words that scripts and container probes look for.
func announce(out io.Writer, address string) {
	fmt.Fprintf(out, "client listeners started: tcp %s\nserver running: galgo %s has started, process %d\n", address, server.Version, os.Getpid())
}
