package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Save writes the report as JSON into dir, named by date and commit, and returns the file's name.
func (r Report) Save(dir string) (string, error) {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return "", err
	}
	return save(dir, r.Date, r.Commit, text)
}

// save writes a result into dir, named by its date and what it is of, and returns the file's name.
func save(dir string, date time.Time, of string, text []byte) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	name := filepath.Join(dir, date.UTC().Format("2006-01-02T150405Z")+"-"+of+".json")
	return name, os.WriteFile(name, append(text, '\n'), 0o644)
}

// line is a line of the table: one side of a scenario, on one way of io.
type line struct {
	scenario, io, side string
	of                 func(Result) (*Side, Latency)
}

// Write prints the medians of the rounds: the ways of io one above the other, the levels side by side.
func (r Report) Write(out io.Writer) {
	fmt.Fprintf(out, "%s\ncommit %s; %s; %d rounds of %s after %s\n", r.Machine, r.Commit, r.Load, r.Rounds, r.Duration, r.Warmup)
	fmt.Fprintln(out, "medians; in brackets the spread of msg/s over the rounds, (largest - smallest) / median; e2e: from building a batch until a consumer has it;")
	fmt.Fprintln(out, "cpu: of the broker, for each message of all that was done in the run")
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(tableStyle())
	top, head := table.Row{"", "", ""}, table.Row{"scenario", "", "io"}
	for _, l := range r.Levels {
		top = append(top, l, l, l, l, l)
		head = append(head, "msg/s", "MB/s", "p50", "p99", "cpu")
	}
	t.AppendHeader(top, table.RowConfig{AutoMerge: true})
	t.AppendHeader(head)
	for i, l := range r.lines() {
		if i > 0 && l.io == r.IO[0] {
			t.AppendSeparator()
		}
		row := table.Row{l.scenario, l.side, l.io}
		for _, level := range r.Levels {
			row = append(row, r.cells(l, level)...)
		}
		t.AppendRow(row)
	}
	t.SetColumnConfigs(rightAligned(4, 3+5*len(r.Levels)))
	t.Render()
	for way, why := range r.Refused {
		fmt.Fprintf(out, "%s did not start: %s\n", way, why)
	}
	if n, first := r.errors(); n > 0 {
		fmt.Fprintf(out, "%d requests FAILED, the first: %s\n", n, first)
	}
}

// lines are the table's, in the order in which scenarios were run.
func (r Report) lines() []line {
	var all []line
	var seen []string
	for _, o := range r.Runs {
		if slices.Contains(seen, o.Scenario) {
			continue
		}
		seen = append(seen, o.Scenario)
		add := func(side string, f func(Result) (*Side, Latency)) {
			for _, way := range r.IO {
				all = append(all, line{o.Scenario, way, side, f})
			}
		}
		if o.Result.Sent != nil {
			add("send", func(r Result) (*Side, Latency) { return r.Sent, r.Sent.Latency })
		}
		switch {
		case o.Result.EndToEnd != nil:
			add("e2e", func(r Result) (*Side, Latency) {
				if r.EndToEnd == nil {
					return r.Polled, Latency{}
				}
				return r.Polled, *r.EndToEnd
			})
		case o.Result.Polled != nil:
			add("poll", func(r Result) (*Side, Latency) { return r.Polled, r.Polled.Latency })
		}
	}
	return all
}

// cells are the numbers of a line at a level.
func (r Report) cells(l line, level string) table.Row {
	var messages, megabytes, p50, p99, cpu []float64
	for _, o := range r.Runs {
		if o.Scenario != l.scenario || o.IO != l.io || o.Level != level {
			continue
		}
		s, latency := l.of(o.Result)
		messages, megabytes = append(messages, s.MessagesPerSecond), append(megabytes, s.MBPerSecond)
		p50, p99, cpu = append(p50, latency.P50), append(p99, latency.P99), append(cpu, o.Result.cpuPerMessage())
	}
	if len(messages) == 0 {
		return table.Row{"-", "-", "-", "-", "-"}
	}
	m := median(messages)
	spread := 0.0
	if m > 0 {
		spread = (slices.Max(messages) - slices.Min(messages)) / m * 100
	}
	return table.Row{fmt.Sprintf("%s (%.0f%%)", rate(m), spread), fmt.Sprintf("%.1f", median(megabytes)), micros(median(p50)), micros(median(p99)),
		fmt.Sprintf("%.2fµs", median(cpu))}
}

// cpuPerMessage is in microseconds; messages sent and messages polled count alike.
func (r Result) cpuPerMessage() float64 {
	messages := uint64(0)
	for _, s := range r.sides() {
		messages += s.Messages
	}
	return r.ServerCPUSeconds * 1e6 / float64(max(messages, 1))
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

func (r Report) errors() (n uint64, first string) {
	for _, o := range r.Runs {
		for _, s := range o.Result.sides() {
			if n == 0 {
				first = s.FirstError
			}
			n += s.Errors
		}
	}
	return n, first
}
