//go:build !invariants

package control

const invariantsOn = false
