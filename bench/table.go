package bench

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Write prints a result for people.
func (r Result) Write(out io.Writer) {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(tableStyle())
	t.AppendHeader(table.Row{"", "msg/s", "MB/s", "requests", "errors", "p50", "p90", "p99", "p99.9", "max"})
	row := func(name string, s *Side, l Latency) {
		cells := table.Row{name, "", "", "", ""}
		if s != nil {
			cells = table.Row{name, rate(s.MessagesPerSecond), fmt.Sprintf("%.1f", s.MBPerSecond), s.Requests, s.Errors}
		}
		t.AppendRow(append(cells, micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.Max)))
	}
	if r.Sent != nil {
		row("send", r.Sent, r.Sent.Latency)
	}
	if r.Polled != nil {
		row("poll", r.Polled, r.Polled.Latency)
	}
	if r.EndToEnd != nil {
		row("end to end", nil, *r.EndToEnd)
	}
	t.SetColumnConfigs(rightAligned(2, 10))
	t.Render()
	fmt.Fprintf(out, "%.2f s measured; %s\n", r.Seconds, r.Workload)
	for _, s := range []*Side{r.Sent, r.Polled} {
		if s != nil && s.Errors > 0 {
			fmt.Fprintf(out, "%d errors, the first: %s\n", s.Errors, s.FirstError)
		}
	}
}

// String says what a workload does.
func (w Workload) String() string {
	s := ""
	if w.Producers > 0 {
		s = fmt.Sprintf("%d producers, %d x %d B per send", w.Producers, w.BatchMessages, w.MessageBytes)
		if w.Rate > 0 {
			s += fmt.Sprintf(" at %s msg/s", rate(w.Rate))
		}
	}
	if w.Consumers > 0 {
		if s != "" {
			s += "; "
		}
		s += fmt.Sprintf("%d consumers, up to %d x %d B per poll", w.Consumers, w.PollMessages, w.MessageBytes)
	}
	s += fmt.Sprintf("; %d partitions", w.Partitions)
	if w.Durability != "" {
		s += ", durability " + w.Durability
	}
	return s
}

func tableStyle() table.Style {
	s := table.StyleLight
	s.Options.DrawBorder = false
	s.Options.SeparateColumns = false
	s.Format.Header = text.FormatDefault
	return s
}

func rightAligned(first, last int) []table.ColumnConfig {
	var all []table.ColumnConfig
	for i := first; i <= last; i++ {
		all = append(all, table.ColumnConfig{Number: i, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	return all
}

// rate writes a number with three digits or so.
func rate(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.2fM", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.1fk", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}

// micros writes a number of microseconds in the unit that suits it.
func micros(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.2fs", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.1fms", n/1e3)
	case n >= 1e3:
		return fmt.Sprintf("%.2fms", n/1e3)
	}
	return fmt.Sprintf("%.0fµs", n)
}
