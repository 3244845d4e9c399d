//go:build invariants

package call

const invariantsOn = true
