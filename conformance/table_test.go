package conformance

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// table holds what one client said of its commands.
type table struct {
	client string
	names  []string // in the order of their first mention
	rows   map[string]*row
}

// row is one command of the client.
type row struct {
	good int      // checks that held
	bad  []string // those that did not
}

func newTable(client string, checklist []string) *table {
	b := &table{client: client, rows: map[string]*row{}}
	for _, name := range checklist {
		b.row(name)
	}
	return b
}

func (b *table) row(name string) *row {
	if b.rows[name] == nil {
		b.rows[name] = &row{}
		b.names = append(b.names, name)
	}
	return b.rows[name]
}

// check notes whether something held of a command.
func (b *table) check(good bool, name, what string) {
	r := b.row(name)
	if good {
		r.good++
	} else {
		r.bad = append(r.bad, what)
	}
}

// read notes every line "ok|fail, command, what" of a client's output, with tabs between, and returns the others.
func (b *table) read(out string) (rest []string) {
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		f := strings.SplitN(lines.Text(), "\t", 3)
		if len(f) == 3 && (f[0] == "ok" || f[0] == "fail") {
			b.check(f[0] == "ok", f[1], f[2])
		} else {
			rest = append(rest, lines.Text())
		}
	}
	return rest
}

// settle fails the test for each row that failed or was not tried, unless it has an excuse, and prints the table.
func (b *table) settle(t *testing.T) {
	t.Helper()
	var text strings.Builder
	var good, excused, bad, checks int
	for _, name := range b.names {
		r := b.rows[name]
		checks += r.good
		result, why := fmt.Sprintf("ok, %d checks", r.good), ""
		switch excuse := b.excuse(name); {
		case len(r.bad) == 0 && r.good > 0:
			good++
			if excuse != "" {
				t.Logf("%s %s is as it should be: take it off the list of what is not yet", b.client, name)
			}
		case excuse != "":
			excused++
			result, why = "not yet", excuse
		case r.good == 0 && len(r.bad) == 0:
			bad++
			result = "MISSING"
			t.Errorf("%s %s: no check", b.client, name)
		default:
			bad++
			result, why = "FAILED", strings.Join(strings.Fields(strings.Join(r.bad, "; ")), " ")
			t.Errorf("%s %s:\n\t%s", b.client, name, strings.Join(r.bad, "\n\t"))
		}
		fmt.Fprintf(&text, "%-7s %-52s %s  %s\n", b.client, name, result, why)
	}
	fmt.Fprintf(&text, "%-7s %d rows: %d ok, %d not yet, %d bad; %d checks held\n", b.client, len(b.names), good, excused, bad, checks)
	t.Logf("the table\n%s", text.String())
	dir := "../.cache/conformance"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, b.client+".txt"), []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// excuse returns why a row need not hold, or nothing.
func (b *table) excuse(name string) string {
	i := slices.IndexFunc(notYet, func(e excuse) bool {
		match, err := path.Match(e.row, name)
		if err != nil {
			panic(err)
		}
		return match && e.client == b.client
	})
	if i < 0 {
		return ""
	}
	return notYet[i].why
}

// TestTable shows that the table fails a test for what failed and for what is missing, and for nothing else.
func TestTable(t *testing.T) {
	b := newTable("nobody", []string{"one", "two", "three"})
	rest := b.read("ok\tone\tfirst\nfail\ttwo\tsecond\nnoise\nok\tfour\tnew\n")
	if !slices.Equal(rest, []string{"noise"}) || !slices.Equal(b.names, []string{"one", "two", "three", "four"}) {
		t.Fatalf("read %v, names %v", rest, b.names)
	}
	for name, want := range map[string][2]int{"one": {1, 0}, "two": {0, 1}, "three": {0, 0}, "four": {1, 0}} {
		if r := b.rows[name]; r.good != want[0] || len(r.bad) != want[1] {
			t.Errorf("%s: %d good, %v bad", name, r.good, r.bad)
		}
	}
}
