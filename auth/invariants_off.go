//go:build !invariants

package auth

const invariantsOn = false
