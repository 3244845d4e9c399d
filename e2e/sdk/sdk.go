// Package sdk sets up the real Python SDK for tests: an environment beside the sources, shared by all that run it.
package sdk

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

//go:embed requirements.txt
var requirements []byte

//go:embed former.txt
var former []byte

// Python returns the interpreter of an environment with what requirements.txt lists. It is made by the first who asks, in
// .cache/python of the repository, and again when the list changes. It is for the tests of a package that lies one level below
// the root.
var Python = sync.OnceValues(func() (string, error) { return environment("../.cache/python", requirements) })

// Former is Python with the SDK of the line before today's, which this server turns away.
var Former = sync.OnceValues(func() (string, error) { return environment("../.cache/python-former", former) })

func environment(dir string, requirements []byte) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, "bin", "python")
	stamp := filepath.Join(dir, "requirements.txt")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == string(requirements) {
		return exe, nil
	}
	list, err := os.CreateTemp("", "requirements-*.txt")
	if err != nil {
		return "", err
	}
	defer os.Remove(list.Name())
	if _, err := list.Write(requirements); err != nil {
		return "", err
	}
	if err := list.Close(); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{exe, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list.Name()},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return exe, os.WriteFile(stamp, requirements, 0o644)
}
