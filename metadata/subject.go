package metadata

import "errors"

// What a judgement refuses beside what is not there.
var (
	ErrNoSession = errors.New("metadata: the user is gone, or has ended the session")
	ErrForbidden = errors.New("metadata: the user has not the right")
)

// Subject is who a session belongs to. The zero value is nobody.
type Subject struct {
	User    UserID
	Since   uint64 // revision at which the user was made
	Secured uint64 // User.Secured when the session began: it ends when that is raised
}

// SubjectOf is who a session that begins now belongs to.
func SubjectOf(u *User) Subject { return Subject{u.ID, u.Since, u.Secured} }

// Find returns the subject's user. False: the user is gone, or has ended the session.
func (x Subject) Find(m *Machine) (*User, bool) {
	u, err := m.Accounts.UserSince(x.User, x.Since)
	return u, err == nil && u.Secured == x.Secured
}

// May judges whether the subject may do a with a stream and a topic. ErrNoSession, ErrForbidden.
func (x Subject) May(m *Machine, a Action, stream StreamID, topic TopicID) error {
	user, good := x.Find(m)
	switch {
	case !good:
		return ErrNoSession
	case !user.May(a, stream, topic):
		return ErrForbidden
	}
	return nil
}

// Judgement is who wants to do what with which stream and topic. What changes metadata passes it twice: before it is proposed, and
// when the command's turn has come. The zero value is nobody, who may do nothing.
type Judgement struct {
	Broker bool // the broker itself asks; nothing else is looked at
	Subject
	Action        Action
	Stream, Topic Ident // as far as the action is about them
}

// Pass resolves what the action is about and looks at the caller's rights, in that order: who has none sees "not found" for
// what does not exist. ErrNoSession, ErrForbidden, errors of the look-ups.
func (j *Judgement) Pass(m *Machine) error {
	if j.Broker {
		return nil
	}
	rule := j.Action.Rule()
	var stream StreamID
	var topic TopicID
	switch {
	case rule.Topic != 0:
		t, err := m.Topic(j.Stream, j.Topic)
		if err != nil {
			return err
		}
		stream, topic = t.Stream, t.ID
	case rule.Stream != 0:
		st, err := m.Stream(j.Stream)
		if err != nil {
			return err
		}
		stream = st.ID
	}
	return j.May(m, j.Action, stream, topic)
}
