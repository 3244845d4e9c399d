package tidy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	eventInCode = regexp.MustCompile(`(?:zap\.String\("event", |\bevent\()"([a-z_]+)"`)
	eventInDocs = regexp.MustCompile("`([a-z_]+)`")
)

// TestEventsAreDocumented: docs/log-events.md lists the events that the log has, and no others.
func TestEventsAreDocumented(t *testing.T) {
	var code, docs []string
	for _, dir := range []string{"server", "shard", "storage", "auth", "cmd", "uring"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range eventInCode.FindAllSubmatch(text, -1) {
				code = append(code, string(m[1]))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("../docs/log-events.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		first, _, _ := strings.Cut(line[2:], "|")
		for _, m := range eventInDocs.FindAllStringSubmatch(first, -1) {
			docs = append(docs, m[1])
		}
	}
	if len(code) < 20 || len(docs) < 20 {
		t.Fatalf("%d events found in the code and %d in docs/log-events.md: this test looks in the wrong places", len(code), len(docs))
	}
	for _, e := range code {
		if !slices.Contains(docs, e) {
			t.Errorf("event %s is not in docs/log-events.md", e)
		}
	}
	for _, e := range docs {
		if !slices.Contains(code, e) {
			t.Errorf("docs/log-events.md has event %s, the code has not", e)
		}
	}
}

var spacedField = regexp.MustCompile(`\bzap\.[A-Z][A-Za-z0-9]*\("[^"]* [^"]*",`)

// TestFieldsAreKeys: a field of the log is a key for programs, without spaces.
func TestFieldsAreKeys(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		seen += strings.Count(string(text), "zap.String(")
		for _, m := range spacedField.FindAll(text, -1) {
			t.Errorf("%s: %s has a space in the name of a field", path, m)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("%d fields found: this test looks in the wrong places", seen)
	}
}
