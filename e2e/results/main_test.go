package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestFilter: what passed says nothing, what failed all, and what was skipped is listed with its reason.
func TestFilter(t *testing.T) {
	var in strings.Builder
	say := func(action, test, output string) {
		line, err := json.Marshal(event{action, "example.org/x/shard", test, output})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	in.WriteString("go: no such tool\n")
	say("run", "TestGood", "")
	say("output", "TestGood", "=== RUN   TestGood\n")
	say("output", "TestGood", "    x_test.go:1: noise\n")
	say("output", "TestGood", "python  50 rows: 49 ok, 1 not yet, 0 bad; 120 checks held\n")
	say("pass", "TestGood", "")
	say("output", "TestBad", "=== RUN   TestBad\n")
	say("output", "TestBad", "    x_test.go:2: wrong\n")
	say("output", "TestBad", "--- FAIL: TestBad (0.00s)\n")
	say("fail", "TestBad", "")
	for _, sub := range []string{"a", "b"} {
		say("output", "TestNot/"+sub, "    x_test.go:3: no root: sorry\n")
		say("output", "TestNot/"+sub, "--- SKIP: TestNot/"+sub+" (0.00s)\n")
		say("skip", "TestNot/"+sub, "")
	}
	say("output", "TestCutOff", "    x_test.go:4: still here\n")
	say("output", "", "FAIL\n")
	say("fail", "", "")
	var out strings.Builder
	skipped, err := filter(strings.NewReader(in.String()), &out)
	if want := "  shard TestNot (2 times): no root: sorry\n"; err != nil || skipped != want {
		t.Errorf("skipped %q, %v, want %q", skipped, err, want)
	}
	want := "go: no such tool\npython  50 rows: 49 ok, 1 not yet, 0 bad; 120 checks held\n    x_test.go:2: wrong\n--- FAIL: TestBad (0.00s)\nFAIL\n    x_test.go:4: still here\n"
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}
