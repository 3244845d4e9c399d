//go:build !planted

package metadata

// Bugs that a build with the tag "planted" can switch on, one at a time, to prove that tests catch them.
const (
	plantedOptionsByPlace = false // a snapshot's options are those of the catalogue, all and no others
	plantedRightsStay     = false // rights outlive what they name
)
