package metadata

// Mixing says with which others a command may be made safe together, so that each is judged (rights, quota) before those in front of it
// are applied, and none of the judgements comes out otherwise for that.
type Mixing uint8

const (
	// MixesWithNone is for what may change anybody's rights, or what a name stands for.
	MixesWithNone Mixing = iota
	// MixesWithAll is for what no judgement looks at, but to find that there is less than before: whoever was within a limit is
	// still within it.
	MixesWithAll
	// MixesWithMakers is for what adds something new. What was there before stays what it was; what is limited grows by no more than one
	// for each command.
	MixesWithMakers
	// MixesWithJoins is for members: how much memory one takes depends on the group.
	MixesWithJoins
	// MixesWithRemovers is for what takes streams, topics or partitions away. Nothing that comes with it can get their numbers or names, and for
	// what is not there any more judgement and command give the same error.
	// A purge is not among them: its new logs are placed beside those that are there, and what goes with it would still count.
	MixesWithRemovers
)

// mixing is by kind; a kind that is not listed mixes with none.
var mixing = [kindLast + 1]Mixing{
	kindLeaveGroup:      MixesWithAll,
	kindDropMember:      MixesWithAll,
	kindHandOver:        MixesWithAll,
	kindForgetLogs:      MixesWithAll,
	kindReserveSessions: MixesWithAll,
	kindExpireTokens:    MixesWithAll,
	kindDeleteToken:     MixesWithAll,
	kindDeleteGroup:     MixesWithAll,

	kindCreateStream: MixesWithMakers,
	kindCreateTopic:  MixesWithMakers,
	kindCreateUser:   MixesWithMakers,
	kindCreateToken:  MixesWithMakers,
	kindCreateGroup:  MixesWithMakers,

	kindJoinGroup: MixesWithJoins,

	kindDeleteStream:     MixesWithRemovers,
	kindDeleteTopic:      MixesWithRemovers,
	kindDeletePartitions: MixesWithRemovers,
}

// MixingOf says with which others a command may go.
func MixingOf(cmd []byte) Mixing {
	if len(cmd) < 2 || int(cmd[1]) >= len(mixing) {
		return MixesWithNone
	}
	return mixing[cmd[1]]
}

// With returns what commands of both kinds mix with, and whether they mix.
func (x Mixing) With(y Mixing) (Mixing, bool) {
	switch {
	case x == MixesWithNone || y == MixesWithNone:
		return MixesWithNone, false
	case x == MixesWithAll:
		return y, true
	case y == MixesWithAll || x == y:
		return x, true
	}
	return MixesWithNone, false
}

// Less are the limits when n more of each thing are on their way.
func (l Limits) Less(n int) Limits {
	for _, v := range []*int{&l.Streams, &l.Topics, &l.Partitions, &l.Users, &l.Tokens, &l.Groups, &l.Members} {
		*v -= n
	}
	return l
}
