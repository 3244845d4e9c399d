// Package tidy proves what can be proved of the house's rules: who imports whom, that what decides does nothing, and
// that the map in ARCHITECTURE.md is the tree. It has only tests.
package tidy
