package bench

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Against measures a build beside another one: every row (scenario, way of io, level) on both, one right after the other in each
// round, and the other one first in the next. What it judges is the ratio of the two rates of a round, as machines that others use too
// drift by more than what is looked for.
type Against struct {
	Comparison        // Command is of the build that is judged; Rounds is how many there are at least
	Other      string // path of the binary to measure against
	RoundsMax  int    // for rows whose interval has not decided
	Bar        float64
}

// Ratios is an Against done.
type Ratios struct {
	Date      time.Time         `json:"date"`
	Commit    string            `json:"commit"`
	OtherHash string            `json:"other_sha256"`
	Machine   Machine           `json:"machine"`
	Load      string            `json:"load"`
	Warmup    string            `json:"warmup"`
	Duration  string            `json:"duration"`
	Bar       float64           `json:"bar"`
	Refused   map[string]string `json:"refused,omitempty"`
	Rows      []Ratio           `json:"rows"`
}

// Ratio is one row: what was measured in each round, and what follows.
type Ratio struct {
	IO       string    `json:"io"`
	Level    string    `json:"level"`
	Scenario string    `json:"scenario"`
	Side     string    `json:"side"` // sent or polled
	New      []float64 `json:"new"`  // messages a second, of both legs of each round
	Old      []float64 `json:"old"`
	NewCPU   []float64 `json:"new_cpu_us"` // of the broker, for each message
	OldCPU   []float64 `json:"old_cpu_us"`
	Errors   uint64    `json:"errors"`
}

// row is what is run as one: a scenario gives a ratio for each side.
type row struct {
	way, level string
	scenario   Scenario
}

// Run measures. What was done before an error is in the result.
func (a Against) Run(ctx context.Context) (Ratios, error) {
	r := Ratios{Date: time.Now(), Commit: a.Commit, Machine: lookAround(a.Parent), Warmup: a.Warmup.String(), Duration: a.Duration.String(), Bar: a.Bar,
		Refused: map[string]string{}, Load: "closed loop over loopback, generator and broker on the same machine; each round runs both builds in turn, in both orders; its ratio is the geometric mean of the two"}
	text, err := os.ReadFile(a.Other)
	if err != nil {
		return r, err
	}
	r.OtherHash = fmt.Sprintf("%x", sha256.Sum256(text))
	rows := a.rows()
	for round := 0; round < max(a.Rounds, a.RoundsMax) && len(rows) > 0; round++ {
		for _, way := range a.IO {
			for leg := range legs {
				if err := a.leg(ctx, &r, round, leg, way, rows); err != nil {
					return r, fmt.Errorf("round %d, %s: %w", round+1, way, err)
				}
			}
		}
		if round+1 >= a.Rounds {
			rows = slices.DeleteFunc(rows, func(w row) bool { return r.decided(w) })
			fmt.Fprintf(a.Progress, "round %d is done, %d rows want another\n", round+1, len(rows))
		}
	}
	return r, nil
}

func (a Against) rows() (rows []row) {
	for _, way := range a.IO {
		for _, s := range a.Scenarios {
			for _, level := range a.Levels {
				if s.Workload.Producers > 0 || level == a.Levels[0] { // reads are the same at all levels
					rows = append(rows, row{way, level, s})
				}
			}
		}
	}
	return rows
}

// legs of a round: in each both builds run every row in turn, one build before the other in the first and after it in the second. What a
// run leaves to the next one, such as writes of the kernel or memory that is not at hand any more, so meets both alike.
const legs = 2

// leg runs the rows of one way of io, on a broker of each build.
func (a Against) leg(ctx context.Context, r *Ratios, round, leg int, way string, rows []row) (err error) {
	if !slices.ContainsFunc(rows, func(w row) bool { return w.way == way }) || r.Refused[way] != "" {
		return nil
	}
	other := append([]string{a.Other}, a.Command[1:]...)
	var brokers [2]*broker // judged, other
	for i, command := range [][]string{a.Command, other} {
		b, err := startBroker(ctx, command, a.Parent, way)
		if err != nil && round == 0 && leg == 0 && ctx.Err() == nil {
			r.Refused[way] = err.Error()
			fmt.Fprintf(a.Progress, "%s is left out: %v\n", way, err)
			return nil
		}
		if err != nil {
			return err
		}
		brokers[i] = b
		defer func() { err = errors.Join(err, b.end()) }()
	}
	for _, w := range rows {
		if w.way != way {
			continue
		}
		var results [2]Result
		for k := range 2 {
			which := (k + leg) % 2
			if results[which], err = a.run(ctx, brokers[which], w); err != nil {
				return fmt.Errorf("%s: %w", w.scenario.Name, err)
			}
		}
		r.note(w, results[0], results[1])
		fmt.Fprintf(a.Progress, "round %d.%d  %-6s %-10s %-18s %s\n", round+1, leg+1, way, w.level, w.scenario.Name, r.latest(w))
	}
	return nil
}

func (a Against) run(ctx context.Context, b *broker, row row) (Result, error) {
	w := row.scenario.Workload
	w.Address, w.Username, w.Password, w.CPU = b.address, brokerUser, brokerPassword, b.cpu
	w.Durability, w.Warmup, w.Duration = row.level, a.Warmup, a.Duration
	result, err := Run(ctx, w)
	return result, errors.Join(err, ctx.Err())
}

// note adds what a leg has measured.
func (r *Ratios) note(w row, judged, other Result) {
	others := map[string]*Side{}
	for side, s := range other.sides() {
		others[side] = s
	}
	for side, s := range judged.sides() {
		i := slices.IndexFunc(r.Rows, func(x Ratio) bool { return x.is(w) && x.Side == side })
		if i < 0 {
			i = len(r.Rows)
			r.Rows = append(r.Rows, Ratio{IO: w.way, Level: w.level, Scenario: w.scenario.Name, Side: side})
		}
		x := &r.Rows[i]
		x.New, x.Old = append(x.New, s.MessagesPerSecond), append(x.Old, others[side].MessagesPerSecond)
		x.NewCPU, x.OldCPU = append(x.NewCPU, judged.cpuPerMessage()), append(x.OldCPU, other.cpuPerMessage())
		x.Errors += s.Errors + others[side].Errors
	}
}

func (x *Ratio) is(w row) bool {
	return x.IO == w.way && x.Level == w.level && x.Scenario == w.scenario.Name
}

// latest is what the last leg of a row said.
func (r *Ratios) latest(w row) (text string) {
	for i := range r.Rows {
		if x := &r.Rows[i]; x.is(w) {
			k := len(x.New) - 1
			text += fmt.Sprintf("%s %s / %s = %.3f  ", x.Side, rate(x.New[k]), rate(x.Old[k]), x.New[k]/x.Old[k])
		}
	}
	return text
}

// ratios has the geometric mean of the legs of each round.
func (x *Ratio) ratios() (list []float64) {
	for i := legs - 1; i < len(x.New); i += legs {
		list = append(list, math.Sqrt(x.New[i]/x.Old[i]*x.New[i-1]/x.Old[i-1]))
	}
	return list
}

// Median is the median of the ratios of the rounds, with the interval in which the true one lies with a confidence of 95 % whatever
// their distribution: two of them, counted in from both ends. With fewer than six there is none, and the smallest and the largest stand for it.
func (x *Ratio) Median() (low, median, high float64) {
	v := slices.Sorted(slices.Values(x.ratios()))
	n := len(v)
	if n == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	k := inFromEnds(n)
	return v[k], (v[(n-1)/2] + v[n/2]) / 2, v[n-1-k]
}

// inFromEnds is how many of n measured values may be left out at each end, so that the median lies between the others with a
// probability of 95 %: the binomial distribution of how many fall below it.
func inFromEnds(n int) int {
	k, below, ways := 0, 0.0, 1.0 // of 2^n
	for i := 0; i < n/2; i++ {
		below += ways
		if below*2 > 0.05*math.Pow(2, float64(n)) {
			break
		}
		k = i
		ways = ways * float64(n-i) / float64(i+1)
	}
	return k
}

// decided reports whether more rounds would tell nothing new of a row.
func (r *Ratios) decided(w row) bool {
	for i := range r.Rows {
		if x := &r.Rows[i]; x.is(w) {
			if x.open(r.Bar) {
				return false
			}
		}
	}
	return true
}

// open reports whether the bar lies within the interval: the rounds so far do not tell on which side of it the row is.
func (x *Ratio) open(bar float64) bool {
	low, _, high := x.Median()
	return low < bar && high >= bar
}

// Failed lists the rows whose median is below the bar, or in which requests failed.
func (r Ratios) Failed() (names []string) {
	for i := range r.Rows {
		x := &r.Rows[i]
		if _, m, _ := x.Median(); !(m >= r.Bar) || x.Errors > 0 {
			names = append(names, fmt.Sprintf("%s %s, %s, %s: %.3f, %d errors", x.Scenario, x.Side, x.IO, x.Level, m, x.Errors))
		}
	}
	return names
}

// Write prints a row for each ratio.
func (r Ratios) Write(out io.Writer) {
	fmt.Fprintf(out, "%s\ncommit %s against the binary with SHA-256 %s\n%s; each run %s after %s\n", r.Machine, r.Commit, r.OtherHash, r.Load, r.Duration, r.Warmup)
	fmt.Fprintf(out, "new/old: median of the ratios of the rounds, and its 95 %% interval (with 5 rounds: smallest and largest, 94 %%); the bar is %.2f\n", r.Bar)
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(tableStyle())
	t.AppendHeader(table.Row{"scenario", "", "io", "level", "rounds", "old msg/s", "new msg/s", "new/old", "interval", "cpu new/old", ""})
	for i := range r.Rows {
		x := &r.Rows[i]
		low, m, high := x.Median()
		verdict := ""
		if !(m >= r.Bar) {
			verdict = "BELOW"
		} else if x.open(r.Bar) {
			verdict = "undecided"
		}
		if x.Errors > 0 {
			verdict += fmt.Sprintf(" %d ERRORS", x.Errors)
		}
		var cpu []float64
		for k := range x.NewCPU {
			cpu = append(cpu, x.NewCPU[k]/x.OldCPU[k])
		}
		t.AppendRow(table.Row{x.Scenario, x.Side, x.IO, x.Level, len(x.New) / legs, rate(median(x.Old)), rate(median(x.New)), fmt.Sprintf("%.3f", m),
			fmt.Sprintf("%.3f to %.3f", low, high), fmt.Sprintf("%.2f", median(cpu)), verdict})
	}
	t.SetColumnConfigs(rightAligned(5, 10))
	t.Render()
	for way, why := range r.Refused {
		fmt.Fprintf(out, "%s did not start: %s\n", way, why)
	}
}

// Save writes the ratios as JSON into dir, named by date and commit, and returns the file's name.
func (r Ratios) Save(dir string) (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	return save(dir, r.Date, r.Commit+"-against", text)
}
