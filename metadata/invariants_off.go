//go:build !invariants

package metadata

const invariantsOn = false
