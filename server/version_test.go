package server

import "testing"

func TestVersionIsThatOfTheBuild(t *testing.T) {
	f := func(linked, module, want string) {
		t.Helper()
		if got := versionOf(linked, module); got != want {
			t.Errorf("linked %q, module %q: %s, want %s", linked, module, got, want)
		}
	}
	f("", "", sourcesVersion)
	f("", "(devel)", sourcesVersion)
	f("", "v0.0.0-20261130132016-d02f6b3c1a2b+dirty", sourcesVersion)
	f("", "v1.4.2", "1.4.2")
	f("2.0.1", "v1.4.2", "2.0.1")
	f("nonsense", "v1.4.2", "1.4.2")
	if n, err := semver("1.4.2"); err != nil || n != 1_004_002 {
		t.Errorf("1.4.2 is %d, %v", n, err)
	}
}
