//go:build !invariants

package storage

const invariantsOn = false
