//go:build !invariants

package owner

const invariantsOn = false
