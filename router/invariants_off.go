//go:build !invariants

package router

const invariantsOn = false
