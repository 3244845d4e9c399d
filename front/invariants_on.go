//go:build invariants

package front

const invariantsOn = true
