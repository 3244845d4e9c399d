// Package server is a broker with one data directory: it binds the port, locks and recovers the directory, divides memory and descriptors,
// gives each shard its thread and its IO, and ends all of it in order. Nothing in it belongs to the whole process: limits of the garbage
// collector, signals, where the log goes and the end of the process are cmd's.
package server
