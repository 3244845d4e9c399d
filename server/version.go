package server

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// version is set by the linker for a build of a release: -X github.com/galgo-mq/galgo/server.version=1.2.3.
var version string

// sourcesVersion is what the sources are on the way to.
const sourcesVersion = "0.1.0"

// Version is what clients are told: the release that was built, by the linker's word or the module's, or else that of the
// sources.
var Version = versionOf(version, moduleVersion())

func moduleVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path == "github.com/galgo-mq/galgo" {
		return info.Main.Version
	}
	return ""
}

// versionOf chooses among the linker's version and the module's. One that is made of a time and a commit is no release.
func versionOf(linked, module string) string {
	for _, v := range []string{linked, strings.TrimPrefix(module, "v")} {
		if _, err := semver(v); err == nil {
			return v
		}
	}
	return sourcesVersion
}

// semver is a version as one number, as clients compare it.
func semver(v string) (uint32, error) {
	var major, minor, patch uint32
	var rest string
	n, _ := fmt.Sscanf(v, "%d.%d.%d%s", &major, &minor, &patch, &rest)
	if n != 3 || major > 4000 || minor > 999 || patch > 999 {
		return 0, fmt.Errorf("%q is no version of a release", v)
	}
	return major*1_000_000 + minor*1_000 + patch, nil
}

// versionNumber is Version as clients compare it.
var versionNumber = func() uint32 {
	n, err := semver(Version)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return n
}()
