// Package e2e holds the tests of the whole broker: its real binary under real clients, kills, power cuts, full disks and
// bad input. It has no code of its own.
package e2e
