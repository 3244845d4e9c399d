//go:build planted

package metadata

// The planted bugs, off. See planted_off.go.
var (
	plantedOptionsByPlace bool
	plantedRightsStay     bool
)

var plants = map[string]*bool{
	"options-by-place": &plantedOptionsByPlace,
	"rights-stay":      &plantedRightsStay,
}

// Plant switches the bug of that name on, and all others off. False: there is none of that name, and all are off.
func Plant(name string) bool {
	for _, p := range plants {
		*p = false
	}
	p := plants[name]
	if p != nil {
		*p = true
	}
	return p != nil
}
