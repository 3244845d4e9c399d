package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Scenario is a workload with a name. Address, user and durability are filled in when it is run.
type Scenario struct {
	Name     string   `json:"name"`
	Workload Workload `json:"workload"`
}

// Scenarios are those of the comparison.
func Scenarios() []Scenario {
	return []Scenario{
		{"send-8x1000x1000", Workload{Producers: 8, BatchMessages: 1000, MessageBytes: 1000}},
		{"send-8x1x100", Workload{Producers: 8, BatchMessages: 1, MessageBytes: 100}},
		{"send-64x1x100", Workload{Producers: 64, BatchMessages: 1, MessageBytes: 100}},
		{"poll-8x1000x1000", Workload{Consumers: 8, BatchMessages: 1000, PollMessages: 1000, MessageBytes: 1000}},
		{"poll-8x1x1000", Workload{Consumers: 8, BatchMessages: 1000, PollMessages: 1, MessageBytes: 1000}},
		{"both-4+4x100x1000", Workload{Producers: 4, Consumers: 4, BatchMessages: 100, PollMessages: 1000, MessageBytes: 1000}},
	}
}

// Comparison is what is run: every scenario, on a new broker for each way of io and level, in rounds that each begin
// with another way and another level, so that what changes on the machine meanwhile, and what a run leaves behind for
// the disk to do, falls on all alike.
type Comparison struct {
	Command   []string // of a server, to which settings are added
	Commit    string   // that Command was built from
	Parent    string   // of the data directories
	IO        []string
	Levels    []string
	Scenarios []Scenario
	Rounds    int
	Warmup    time.Duration
	Duration  time.Duration
	Progress  io.Writer
}

// Report is a comparison done: raw results, and where they come from.
type Report struct {
	Date     time.Time         `json:"date"`
	Commit   string            `json:"commit"`
	Machine  Machine           `json:"machine"`
	Load     string            `json:"load"`
	Rounds   int               `json:"rounds"`
	Warmup   string            `json:"warmup"`
	Duration string            `json:"duration"`
	IO       []string          `json:"io"`
	Levels   []string          `json:"levels"`
	Refused  map[string]string `json:"refused,omitempty"` // ways of io that did not start, and why
	Runs     []One             `json:"runs"`
}

// One is one run.
type One struct {
	Round    int    `json:"round"`
	IO       string `json:"io"`
	Level    string `json:"level"`
	Scenario string `json:"scenario"`
	Result   Result `json:"result"`
}

// Run does the comparison. What was done before an error is in the report.
func (c Comparison) Run(ctx context.Context) (Report, error) {
	r := Report{Date: time.Now(), Commit: c.Commit, Machine: lookAround(c.Parent), Rounds: c.Rounds, Warmup: c.Warmup.String(), Duration: c.Duration.String(),
		IO: c.IO, Levels: c.Levels, Refused: map[string]string{},
		Load: "closed loop, generator and broker on the same machine over loopback; batches are built once and sent again, except where consumers follow"}
	for round := range c.Rounds {
		ways := slices.Clone(c.IO)
		if round%2 == 1 {
			slices.Reverse(ways)
		}
		first := round % max(len(c.Levels), 1)
		for _, way := range ways {
			for i := range c.Levels {
				if _, refused := r.Refused[way]; refused {
					break
				}
				level := c.Levels[(first+i)%len(c.Levels)]
				if err := c.runOn(ctx, &r, round, way, level); err != nil {
					return r, fmt.Errorf("round %d, %s, %s: %w", round+1, way, level, err)
				}
			}
		}
	}
	return r, nil
}

// runOn does a round on one broker.
func (c Comparison) runOn(ctx context.Context, r *Report, round int, way, level string) (err error) {
	b, err := startBroker(ctx, c.Command, c.Parent, way)
	ran := slices.ContainsFunc(r.Runs, func(o One) bool { return o.IO == way })
	if err != nil && !ran && ctx.Err() == nil {
		r.Refused[way] = err.Error()
		fmt.Fprintf(c.Progress, "%s is left out: %v\n", way, err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	for _, s := range c.Scenarios {
		if s.Workload.Producers == 0 && level != c.Levels[0] {
			continue // reads are the same at all levels
		}
		w := s.Workload
		w.Address, w.Username, w.Password, w.CPU = b.address, brokerUser, brokerPassword, b.cpu
		w.Durability, w.Warmup, w.Duration = level, c.Warmup, c.Duration
		result, err := Run(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Runs = append(r.Runs, One{round + 1, way, level, s.Name, result})
		fmt.Fprintf(c.Progress, "round %d  %-6s %-10s %-18s %s\n", round+1, way, level, s.Name, result.line())
	}
	return nil
}

// line is a result in a few words.
func (r Result) line() string {
	text := ""
	for name, s := range r.sides() {
		text += fmt.Sprintf("%s %s msg/s, %.1f MB/s, p99 %s", name, rate(s.MessagesPerSecond), s.MBPerSecond, micros(s.Latency.P99))
		if s.Errors > 0 {
			text += fmt.Sprintf(", %d ERRORS: %s", s.Errors, s.FirstError)
		}
		text += "  "
	}
	return text
}

func (r Result) sides() func(yield func(string, *Side) bool) {
	return func(yield func(string, *Side) bool) {
		if r.Sent != nil && !yield("sent", r.Sent) {
			return
		}
		if r.Polled != nil {
			yield("polled", r.Polled)
		}
	}
}
