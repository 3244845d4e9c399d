// Package front has the connections of one shard: what their peers speak, where frames begin and end, receive buffers and the
// memory of frames, deadlines, how many requests are under way, the sending of replies, slow readers, and how connections end or move.
//
// It is driven from outside. Completions of its operations and the time go in, and it gives operations to the IO that it was given. A
// whole frame comes out as an Exchange, which whoever drives it takes from a queue; a reply goes in by its exchange, which comes out of
// the same queue again when the connection has let go of it. Front never calls whoever drives it, and knows no command: what a frame asks
// and what a reply says is a dialect's and a handler's.
package front
