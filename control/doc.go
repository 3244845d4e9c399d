// Package control puts the commands that change the metadata in order, and does what goes with that: it drops members that are gone and
// completes hand-overs of consumer groups, lets tokens expire, forgets logs whose files are gone, has the metadata snapshotted and
// logs moved.
//
// It is a state machine. Step takes an event: a proposal, what became of an effect, or that time has passed. It returns effects, which
// the caller carries out in their order. Nothing here reads a clock, a disk or a socket.
//
// A command goes through
//
//	prepare   where a level is to be raised, owners make what was acknowledged as safe
//	commit    it is made safe; the caller says that by EventCommitted
//	apply     to the replica of this package, then at every shard; owners of the logs that it has retired close them
//	answer    when all replicas have it, and those logs are closed
//
// so that whoever saw the answer finds its effect on every shard, and no append is acknowledged after it to a log that is gone (docs/adr/0007). What makes a command safe
// lies between EffectCommit and EventCommitted: a journal that is synced, or one day a majority of nodes.
//
// It leaves to others: where the logs are, what is in them, who has a session, and how any of it is stored.
package control
