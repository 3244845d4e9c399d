//go:build !invariants

package call

const invariantsOn = false
