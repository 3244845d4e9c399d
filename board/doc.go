// Package board is what the shards of a server show each other beside messages: their clients, and what is in their logs. It takes locks, and
// nothing on the path of a message looks at it but to write counters, which takes none.
package board
