package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galgo-mq/galgo/server"
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
	return fmt.Sprintf("galgo %s%s, %s, %s/%s", server.Version, commitText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// commit is set by the linker where it is known: -X main.commit=...
var commit string

// commitText names the commit that was built, if the build knows it.
func commitText() string {
	name, modified := builtFrom()
	switch {
	case name == "":
		return ""
	case modified:
		return " (" + name + ", modified)"
	}
	return " (" + name + ")"
}

// builtFrom is the commit that was built, empty if the build does not know it, and whether its source was changed since.
func builtFrom() (name string, modified bool) {
	name, state, _ := strings.Cut(commit, ",")
	modified = state != ""
	if info, ok := debug.ReadBuildInfo(); ok && name == "" {
		modified = false
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				name = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = true
			}
		}
	}
	return name[:min(12, len(name))], modified
}

// commitMark is builtFrom in a word, for the names of files.
func commitMark() string {
	name, modified := builtFrom()
	if name != "" && modified {
		name += "-modified"
	}
	return cmp.Or(name, "unknown")
}
