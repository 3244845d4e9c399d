package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what was measured. A megabyte is a million bytes of payload.
type Result struct {
	Workload Workload `json:"workload"`
	Seconds  float64  `json:"seconds"`
	Sent     *Side    `json:"sent,omitempty"`
	Polled   *Side    `json:"polled,omitempty"`
	EndToEnd *Latency `json:"end_to_end,omitempty"` // from when a batch was built until a consumer had it

	ServerCPUSeconds float64 `json:"server_cpu_seconds,omitempty"`
}

// Side is what producers, or consumers, did.
type Side struct {
	Requests          uint64  `json:"requests"`
	Empty             uint64  `json:"empty,omitempty"` // polls that found nothing; not among Requests
	Messages          uint64  `json:"messages"`
	Bytes             uint64  `json:"bytes"`
	Errors            uint64  `json:"errors"`
	FirstError        string  `json:"first_error,omitempty"`
	MessagesPerSecond float64 `json:"messages_per_second"`
	MBPerSecond       float64 `json:"mb_per_second"`
	Latency           Latency `json:"latency"`
}

// Latency is in microseconds.
type Latency struct {
	P50  float64 `json:"p50_us"`
	P90  float64 `json:"p90_us"`
	P99  float64 `json:"p99_us"`
	P999 float64 `json:"p999_us"`
	Max  float64 `json:"max_us"`
	Mean float64 `json:"mean_us"`
}

// Recorded latencies, in nanoseconds: three digits are kept, and what is beyond the bounds counts as the bound.
const (
	latencyMin    = 100
	latencyMax    = int64(10 * time.Minute)
	latencyDigits = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(latencyMin, latencyMax, latencyDigits)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(int64(d), latencyMin), latencyMax)) // fails beyond the bounds only
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1000, Mean: h.Mean() / 1000}
}

// counted is what one worker counts, within the measured time; errors always.
type counted struct {
	requests, empty, messages, errors uint64
	firstError                        error
	latency                           *hdrhistogram.Histogram
}

func (c *counted) fail(err error) {
	c.errors++
	if c.firstError == nil {
		c.firstError = err
	}
}

func (c *counted) add(o counted) {
	c.requests += o.requests
	c.empty += o.empty
	c.messages += o.messages
	c.errors += o.errors
	if c.firstError == nil {
		c.firstError = o.firstError
	}
	c.latency.Merge(o.latency)
}

// tally adds up the workers.
type tally struct {
	sent, polled counted
	endToEnd     *hdrhistogram.Histogram
}

func newTally() *tally {
	return &tally{counted{latency: newHistogram()}, counted{latency: newHistogram()}, newHistogram()}
}

func (t *tally) result(w Workload, measured, cpu time.Duration) Result {
	r := Result{Workload: w, Seconds: measured.Seconds(), ServerCPUSeconds: cpu.Seconds()}
	if w.Producers > 0 {
		r.Sent = t.sent.side(w, r.Seconds)
	}
	if w.Consumers > 0 {
		r.Polled = t.polled.side(w, r.Seconds)
	}
	if t.endToEnd.TotalCount() > 0 {
		l := latencyOf(t.endToEnd)
		r.EndToEnd = &l
	}
	return r
}

func (c *counted) side(w Workload, seconds float64) *Side {
	s := Side{Requests: c.requests, Empty: c.empty, Messages: c.messages, Bytes: c.messages * uint64(w.MessageBytes),
		Errors: c.errors, Latency: latencyOf(c.latency)}
	if c.firstError != nil {
		s.FirstError = c.firstError.Error()
	}
	if seconds > 0 {
		s.MessagesPerSecond = float64(s.Messages) / seconds
		s.MBPerSecond = float64(s.Bytes) / seconds / 1e6
	}
	return &s
}
