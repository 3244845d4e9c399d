package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/bench"
)

// benchServer is a server to put under load.
func benchServer(t *testing.T) (*process, bench.Workload) {
	p := startServer(t, t.TempDir(), nil, "--dev")
	return p, bench.Workload{Address: p.address, Username: "iggy", Password: "iggy", MessageBytes: 100, BatchMessages: 10, PollMessages: 7}
}

// Every message that was to be sent, or polled, was; and nothing is left behind.
func TestBenchCountsWhatItDoes(t *testing.T) {
	p, base := benchServer(t)
	f := func(name string, w bench.Workload, sent, polled uint64) {
		t.Helper()
		w.Address, w.Username, w.Password, w.MessageBytes, w.BatchMessages, w.PollMessages = base.Address, "iggy", "iggy", 100, 10, 7
		r, err := bench.Run(ctx, w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if sent > 0 && (r.Sent == nil || r.Sent.Messages != sent || r.Sent.Errors > 0 || r.Sent.Latency.P50 <= 0 || r.Sent.Latency.Max < r.Sent.Latency.P50) {
			t.Errorf("%s: sent %+v, want %d messages", name, r.Sent, sent)
		}
		if polled > 0 && (r.Polled == nil || r.Polled.Messages != polled || r.Polled.Errors > 0) {
			t.Errorf("%s: polled %+v, want %d messages", name, r.Polled, polled)
		}
		if both := w.Producers > 0 && w.Consumers > 0; both != (r.EndToEnd != nil) {
			t.Errorf("%s: end to end %+v", name, r.EndToEnd)
		}
	}
	f("send", bench.Workload{Producers: 3, Messages: 1003}, 1003, 0)
	f("send, fewer than producers", bench.Workload{Producers: 3, Messages: 2}, 2, 0)
	f("send at a level", bench.Workload{Producers: 2, Messages: 500, Durability: "memory", Partitions: 5}, 500, 0)
	f("send at a rate", bench.Workload{Producers: 2, Messages: 300, Rate: 20000, Fresh: true}, 300, 0)
	f("poll", bench.Workload{Consumers: 2, Messages: 1000, PrefillBytes: 20000}, 0, 1000)
	f("both, a consumer for each producer", bench.Workload{Producers: 2, Consumers: 2, Messages: 1000}, 1000, 1000)
	f("both, one consumer for all", bench.Workload{Producers: 3, Consumers: 1, Messages: 1000}, 1000, 1000)
	f("both, two consumers of the same", bench.Workload{Producers: 1, Consumers: 2, Messages: 500}, 500, 1000)

	r, err := bench.Run(ctx, bench.Workload{Address: p.address, Username: "iggy", Password: "iggy", Producers: 2, MessageBytes: 10, BatchMessages: 1,
		Warmup: 20 * time.Millisecond, Duration: 100 * time.Millisecond})
	if err != nil || r.Sent.Messages == 0 || r.Seconds < 0.09 || r.Seconds > 0.11 {
		t.Errorf("for a while: %+v, %v", r.Sent, err)
	}
	c, err := p.login("iggy", "iggy")
	if err != nil {
		t.Fatal(err)
	}
	if left, err := c.GetStreams(ctx); err != nil || len(left) > 0 {
		t.Errorf("streams left behind: %v, %v", left, err)
	}
}

func TestBenchRefusesWhatCannotBeMeasured(t *testing.T) {
	f := func(w bench.Workload, want string) {
		t.Helper()
		if _, err := bench.Run(ctx, w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", w, err, want)
		}
	}
	f(bench.Workload{}, "nothing to measure")
	f(bench.Workload{Producers: 1}, "messages of 0 bytes")
	f(bench.Workload{Producers: 1, MessageBytes: 1}, "0 messages of 1 bytes")
	f(bench.Workload{Producers: 1, MessageBytes: 1 << 20, BatchMessages: 64}, "at most 60 MiB")
	f(bench.Workload{Consumers: 1, MessageBytes: 1, BatchMessages: 1}, "polls of no messages")
	f(bench.Workload{Producers: 1, MessageBytes: 1, BatchMessages: 1}, "neither a duration nor")
	f(bench.Workload{Address: "127.0.0.1:1", Producers: 1, MessageBytes: 1, BatchMessages: 1, Messages: 1}, "dial server")
}

// The measured loop allocates next to nothing, so that the generator's collector does not show in the latencies.
func TestBenchLoopDoesNotAllocate(t *testing.T) {
	_, w := benchServer(t)
	allocations := func(messages uint64) uint64 {
		w.Messages = messages
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := bench.Run(ctx, w); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	f := func(name string, perRequest uint64) {
		t.Helper()
		few, many := allocations(1000*perRequest), allocations(4000*perRequest)
		if per := float64(int64(many-few)) / 3000; per > 2 {
			t.Errorf("%s: %.2f allocations per request", name, per)
		}
	}
	w.Producers, w.Durability = 1, "memory"
	f("send", 10)
	w.Fresh = true
	f("fresh", 10)
	w.Producers, w.Consumers, w.PrefillBytes = 0, 1, 10000
	f("poll", 7)
}

func TestBenchCommandPrintsJSON(t *testing.T) {
	s, _ := benchServer(t)
	p := galgo(t, []string{"GALGO_PASSWORD=iggy"}, "bench", "send", "--address", s.address, "--messages", "1000", "--producers", "2", "--batch", "10", "--json")
	p.ends(0)
	var r bench.Result
	if err := json.Unmarshal([]byte(p.out.String()), &r); err != nil || r.Sent == nil || r.Sent.Messages != 1000 {
		t.Errorf("%v: %s", err, p.out.String())
	}
	if strings.Contains(p.out.String(), "iggy") {
		t.Error("the password is in the result")
	}
	p = galgo(t, nil, "bench", "both", "--address", s.address, "--messages", "1000", "--batch", "10")
	p.ends(0)
	for _, word := range []string{"send", "poll", "end to end", "p99.9"} {
		if !strings.Contains(p.out.String(), word) {
			t.Errorf("no %q in\n%s", word, p.out.String())
		}
	}
	p = galgo(t, []string{"GALGO_PASSWORD=wrong"}, "bench", "send", "--address", s.address)
	p.ends(exitFailed)
	p.says("log in as iggy")
}

// Both ways of io, or the one that this machine allows, are compared over all levels.
func TestBenchCompare(t *testing.T) {
	parent, results := t.TempDir(), t.TempDir()
	p := galgo(t, nil, "bench", "compare", "--data-parent", parent, "--results", results, "--rounds=1", "--duration=500ms", "--warmup=10ms",
		"--levels=persisted,memory", "--scenarios=send-8x1x100,both-4+4x100x1000")
	p.ends(0)
	files, _ := filepath.Glob(filepath.Join(results, "*.json"))
	if len(files) != 1 {
		t.Fatalf("results: %v", files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var r bench.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if want := 2 * 2 * (2 - len(r.Refused)); len(r.Runs) != want {
		t.Errorf("%d runs, want %d", len(r.Runs), want)
	}
	for _, o := range r.Runs {
		if o.Result.Sent.Messages == 0 || o.Result.Sent.Errors > 0 || o.Result.Workload.Durability != o.Level {
			t.Errorf("%+v: %+v", o, o.Result.Sent)
		}
	}
	for _, word := range []string{"persisted", "memory", "epoll", "e2e", "raw results"} {
		if !strings.Contains(p.out.String(), word) {
			t.Errorf("no %q in\n%s", word, p.out.String())
		}
	}
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Log("\n" + p.out.String())
}
