// Package conformance runs the real clients of the protocol against the broker: the Python SDK by its whole stub file, the Rust
// client by all its traits, the command line by all its commands. A checklist taken from each client shows that nothing is left
// out, and a table says how every command went. It has no code of its own.
package conformance
