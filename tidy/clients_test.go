package tidy

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestClientsInTheReadmeAreThoseTested: the table of clients names the releases that the suites of real clients install.
func TestClientsInTheReadmeAreThoseTested(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	f := func(file, pattern, line, former string) {
		t.Helper()
		text, err := os.ReadFile("../" + file)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(pattern).FindSubmatch(text)
		if m == nil {
			t.Fatalf("%s: no version by %s", file, pattern)
		}
		if want := strings.ReplaceAll(line, "VERSION", string(m[1])); !strings.Contains(string(readme), want) {
			t.Errorf("README.md does not have %q, which %s installs%s", want, file, former)
		}
	}
	f("e2e/sdk/requirements.txt", `apache-iggy==(\S+)`, "| `pip install apache-iggy==VERSION` |", "")
	f("e2e/sdk/former.txt", `apache-iggy==(\S+)`, "| Python, `apache-iggy` | VERSION | no", " to be turned away")
	f("conformance/rust/Cargo.toml", `(?m)^iggy = "=([^"]+)"`, "| `cargo add iggy@=VERSION` |", "")
	f("conformance/cli_test.go", `iggy-cli@([0-9.]+)`, "| `cargo install --locked iggy-cli@VERSION` |", "")
}
