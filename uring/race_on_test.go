//go:build race

package uring

const raceOn = true
