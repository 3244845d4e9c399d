// Command galgo is the broker, and what belongs to it, in one binary: galgo server, galgo iggy-server, galgo bench, galgo topic, galgo user and galgo version. Called
// iggy-server, it is galgo iggy-server.
// It reads configuration and wires packages together; it decides nothing.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
)

// Exit codes, as docs/configuration.md has them. A second signal ends with 128 and its number.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitJournal = 70 // EX_SOFTWARE of sysexits.h: not for a supervisor to give up on
	exitSignal  = 128
)

// exit is an error with the code to end with.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string { return e.err.Error() }
func (e exit) Unwrap() error { return e.err }

// logged is an error whose text is in the log already.
type logged struct{ err error }

func (l logged) Error() string { return l.err.Error() }
func (l logged) Unwrap() error { return l.err }

func main() {
	c := command()
	c.SetArgs(arguments(os.Args))
	if err := c.Execute(); err != nil {
		if l := (logged{}); !errors.As(err, &l) {
			printLast("galgo:", err)
		}
		os.Exit(codeOf(err))
	}
}

// codeOf is exitUsage for errors that are cobra's own: those of the command line.
func codeOf(err error) int {
	var e exit
	if errors.As(err, &e) {
		return e.code
	}
	return exitUsage
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "galgo",
		Short:         "A message streaming broker: one pinned thread, io_uring and journal per core",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionText(),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return config.FlagError(c.Flags(), err) })
	root.AddCommand(serverCommand(), iggyCommand(), benchCommand(), topicCommand(), onlyCommands(userCommand()), simCommand(), versionCommand(), hashWorkerCommand())
	return root
}

// onlyCommands makes c, which does nothing by itself, refuse what is none of its commands instead of showing its help as if that had
// been asked for.
func onlyCommands(c *cobra.Command) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("galgo %s has no command %q", c.Name(), args[0])
		c.SuggestionsMinimumDistance = 2
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return fmt.Errorf("%s: did you mean %s?", text, near[0])
		}
		var names []string
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		return fmt.Errorf("%s: there is %s", text, strings.Join(names, ", "))
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c
}

// exactly makes a command want the arguments that its line of usage names, and say which when there are others.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return fmt.Errorf("%s wants %s, and was given %d: see %s --help", c.CommandPath(), strings.Join(names, " and "), len(args), c.CommandPath())
	}
}

// failing makes the errors of f such that are not the command line's.
func failing(f func(c *cobra.Command, args []string) error) func(c *cobra.Command, args []string) error {
	return func(c *cobra.Command, args []string) error {
		err := f(c, args)
		if e := (exit{}); err == nil || errors.As(err, &e) {
			return err
		}
		return exit{exitFailed, err}
	}
}
