//go:build planted

package metadata

import "testing"

// TestEveryPlantedBugIsCaught switches each bug on and asks the check that is there for it.
func TestEveryPlantedBugIsCaught(t *testing.T) {
	defer Plant("")
	for name, check := range map[string]func() error{
		"options-by-place": checkOptionsByKey,
		"rights-stay":      checkRightsGo,
	} {
		if !Plant(name) {
			t.Fatalf("no bug %q", name)
		}
		if err := check(); err == nil {
			t.Errorf("%s: not caught", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
		Plant("")
		if err := check(); err != nil {
			t.Errorf("without a planted bug: %v", err)
		}
	}
}
