// Package call is the room of a command on its way: what a frame asks in the words of its dialect, who asks and whether that user may, the
// limits, which partition is meant, what its owner or the order of metadata commands is asked, lists, sessions, and the reply as a form.
//
// A Call goes in by Dispatch. What is to be done with it comes out of Take: a part for the owner of a log, a proposal, a question to the
// process, a reply. Whoever drives the room carries that out and gives the call in again when there is an answer: Answered, Outcome, Told.
//
//	Dispatch --> handler --+--> Part     --> the log's owner     --> Answered --+
//	                       +--> Proposed --> order of commands   --> Outcome  --+--> Replied --> the connection
//	                       +--> Asks     --> the process         --> Told     --+
//	                       +--> a list, made in steps by Tend ------------------+
//	                       +--> Splits, a call for each of several requests ----+
//
// A reply about a metadata command is made when the command is applied, so the room looks at a replica of the metadata, and changes it never.
// Beside that it looks at what all shards know of logs and of clients. It reads no clock, and what is worth a line in the log comes out as News.
//
// It leaves to others: connections, which shard owns a log, and what a log does with a request.
package call
