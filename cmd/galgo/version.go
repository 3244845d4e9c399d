package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galgo-mq/galgo/shard"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  cobra.NoArgs,
		Run:   func(c *cobra.Command, _ []string) { fmt.Fprintln(c.OutOrStdout(), versionText()) },
	}
}

func versionText() string {
	return fmt.Sprintf("galgo %s%s, %s, %s/%s", shard.ServerVersion, commitText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// commit is set by the linker where it is known: -X main.commit=...
var commit string

// commitText names the commit that was built, if the build knows it.
func commitText() string {
	if name, state, _ := strings.Cut(commit, ","); name != "" {
		if state != "" {
			state = "," + state
		}
		return " (" + name[:min(12, len(name))] + state + ")"
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = " (" + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", modified"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + modified + ")"
}
