//go:build !invariants

package front

const invariantsOn = false
