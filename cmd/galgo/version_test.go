package main

import "testing"

// TestCommitIsThatOfTheBuild: what the linker was told is what the build says of itself, and not what lies in the working directory.
func TestCommitIsThatOfTheBuild(t *testing.T) {
	was := commit
	defer func() { commit = was }()
	f := func(linked, text, mark string) {
		t.Helper()
		commit = linked
		if got := commitText(); got != text {
			t.Errorf("%q: text %q, want %q", linked, got, text)
		}
		if got := commitMark(); got != mark {
			t.Errorf("%q: mark %q, want %q", linked, got, mark)
		}
	}
	f("78ed403621dca310cff8144c6a9684a772b6fb97", " (78ed403621dc)", "78ed403621dc")
	f("78ed403621dca310cff8144c6a9684a772b6fb97, modified", " (78ed403621dc, modified)", "78ed403621dc-modified")
	f("78ed", " (78ed)", "78ed")
	f(", modified", "", "unknown") // built outside a repository
}
