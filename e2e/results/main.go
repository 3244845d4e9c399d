// Command results reads what go test -json says and prints what a reader needs of it: a line for each package, all that a failed test
// said, what the real clients' tables come to, and at the end which tests were skipped, and why. With a file as its argument it
// adds the skipped ones to that as well.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
)

// event is one line of go test -json; go doc test2json.
type event struct{ Action, Package, Test, Output string }

type test struct{ pkg, name string }

// skip is why tests of a name were skipped; subtests count for their parent.
type skip struct {
	test
	why string
}

var (
	tableSum = regexp.MustCompile(`^\s*\S+\s+\d+ rows: \d+ ok, .*`)
	marks    = regexp.MustCompile(`^\s*(=== |--- )`)
	place    = regexp.MustCompile(`^\s*\S+\.go:\d+: `)
)

func main() {
	skipped, err := filter(os.Stdin, os.Stdout)
	if err == nil && skipped != "" {
		fmt.Print("skipped:\n", skipped)
		if len(os.Args) > 1 {
			err = add(os.Args[1], skipped)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "results:", err)
		os.Exit(1)
	}
}

// add appends text to a file.
func add(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// filter reads events to the end, writes what a reader needs of them, and returns the tests that were skipped, a line each.
func filter(in io.Reader, out io.Writer) (string, error) {
	said := map[test][]string{}
	times := map[skip]int{}
	var order []skip
	for r := bufio.NewReader(in); ; {
		line, err := r.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return list(order, times), nil
		}
		if err != nil && err != io.EOF {
			return "", err
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			_, _ = out.Write(line) // not of a test: go itself complains
			continue
		}
		t := test{e.Package, e.Test}
		switch {
		case e.Action == "build-output", e.Action == "output" && e.Test == "" && e.Output != "PASS\n":
			fmt.Fprint(out, e.Output)
		case e.Action == "output" && e.Test != "":
			said[t] = append(said[t], e.Output)
			if tableSum.MatchString(e.Output) {
				fmt.Fprintln(out, strings.TrimSpace(e.Output))
			}
		case e.Action == "fail":
			tell(out, said, t)
		case e.Action == "skip" && e.Test != "":
			top, _, _ := strings.Cut(e.Test, "/")
			s := skip{test{e.Package, top}, reason(said[t])}
			if times[s]++; times[s] == 1 {
				order = append(order, s)
			}
			delete(said, t)
		case e.Action == "pass":
			delete(said, t)
		}
	}
}

func list(order []skip, times map[skip]int) string {
	var text strings.Builder
	for _, s := range order {
		count := ""
		if n := times[s]; n > 1 {
			count = fmt.Sprintf(" (%d times)", n)
		}
		fmt.Fprintf(&text, "  %s %s%s: %s\n", path.Base(s.pkg), s.name, count, s.why)
	}
	return text.String()
}

// tell prints what a failed test said. Of a package, which fails after its tests: what those said that did not end.
func tell(out io.Writer, said map[test][]string, t test) {
	for u, lines := range said {
		if u == t || t.name == "" && u.pkg == t.pkg {
			for _, l := range lines {
				if !strings.HasPrefix(l, "=== ") {
					fmt.Fprint(out, l)
				}
			}
			delete(said, u)
		}
	}
}

// reason is the first line of the last thing that a skipped test said itself, without its place in the source.
func reason(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if place.MatchString(lines[i]) && !marks.MatchString(lines[i]) {
			return strings.TrimSpace(place.ReplaceAllString(lines[i], ""))
		}
	}
	return "it does not say why"
}
