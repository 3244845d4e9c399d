package shard

import (
	"errors"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// The replies of metadata commands that were applied, here as everywhere. What was made may be gone again meanwhile.

func replyJoined(s *Shard, q *request) {
	if q.Peer.Session.Client != q.proposal.Demand.Member { // it has lost its session meanwhile
		s.dropMember(q.proposal.Demand.Member)
	}
	s.replyEmpty(q)
}

func replyStream(s *Shard, q *request) {
	st, err := s.meta.Stream(metadata.ByNumber(q.proposal.Result.Stream))
	if err != nil {
		s.refuse(q, wire.StatusError)
		return
	}
	w := s.describeStream(st)
	s.answer(q, &w)
}

func replyTopic(s *Shard, q *request) {
	t, err := s.meta.Topic(metadata.ByNumber(q.proposal.Result.Stream), metadata.ByNumber(q.proposal.Result.Topic))
	if err != nil {
		s.refuse(q, wire.StatusError)
		return
	}
	w := s.describeTopicDetails(t)
	s.answer(q, &w)
}

func replyUser(s *Shard, q *request) {
	u, err := s.meta.Accounts.User(metadata.ByNumber(q.proposal.Result.User))
	if err != nil {
		s.refuse(q, wire.StatusError)
		return
	}
	w := wireUserDetails(u)
	s.answer(q, &w)
}

func replyPasswordChanged(s *Shard, q *request) {
	s.keepSession(q)
	s.replyEmpty(q)
}

func replyToken(s *Shard, q *request) {
	text := wire.TokenText(q.secret)
	s.answer(q, &text)
}

func replyGroup(s *Shard, q *request) {
	g, found := s.meta.GroupByID(q.proposal.Result.Stream, q.proposal.Result.Topic, q.proposal.Result.Group)
	if !found {
		s.refuse(q, wire.StatusError)
		return
	}
	t, _ := s.meta.Topic(metadata.ByNumber(g.Stream), metadata.ByNumber(g.Topic))
	w := wireGroupDetails(g, len(t.Partitions))
	s.answer(q, &w)
}

// keepSession lets the session that has changed its own user's password go on; all others of that user have ended.
func (s *Shard) keepSession(q *request) {
	if x := q.Peer.Session; x.Bound() && subjectIn(&x) == q.proposal.Judgement.Subject && metadata.UserID(x.User) == q.proposal.Result.User {
		x.Secured = q.proposal.Result.Secured
		q.Peer.Bind(x)
	}
}

// isStoreError reports whether a command failed for what storage answered, not for what it asked.
func isStoreError(err error) bool {
	for _, e := range storeStatuses {
		if errors.Is(err, e.err) {
			return true
		}
	}
	return false
}
