package shard

import (
	"bytes"

	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// What passwords may be; names are judged by the metadata.
const (
	passwordMin = 3
	passwordMax = 100
	usernameMin = 3
	usernameMax = 50
)

func wireUser(u *metadata.User) wire.User {
	return wire.User{ID: uint32(u.ID), CreatedAtMicros: uint64(u.CreatedAt), Status: wire.UserStatus(u.Status), Username: u.Name}
}

func wireUserDetails(u *metadata.User) wire.UserDetails {
	return wire.UserDetails{User: wireUser(u), Permissions: wirePermissions(u.Permissions)}
}

func wirePermissions(p *metadata.Permissions) *wire.Permissions {
	if p == nil {
		return nil
	}
	w := &wire.Permissions{Global: uint16(p.Global), Streams: make([]wire.StreamPermissions, len(p.Streams))}
	for i, s := range p.Streams {
		w.Streams[i] = wire.StreamPermissions{ID: uint32(s.Stream), Rights: uint8(s.Rights)}
		for _, t := range s.Topics {
			w.Streams[i].Topics = append(w.Streams[i].Topics, wire.TopicPermissions{ID: uint32(t.Topic), Rights: uint8(t.Rights)})
		}
	}
	return w
}

// metaPermissions are rights as a client gives them, for the streams and topics that have these numbers now.
func (s *Shard) metaPermissions(w *wire.Permissions) *metadata.Permissions {
	if w == nil {
		return nil
	}
	p := &metadata.Permissions{Global: metadata.GlobalRights(w.Global), Streams: make([]metadata.StreamPermissions, len(w.Streams))}
	for i, e := range w.Streams {
		p.Streams[i] = metadata.StreamPermissions{Stream: metadata.StreamID(e.ID), Rights: metadata.StreamRights(e.Rights)}
		for _, t := range e.Topics {
			p.Streams[i].Topics = append(p.Streams[i].Topics, metadata.TopicPermissions{Topic: metadata.TopicID(t.ID), Rights: metadata.TopicRights(t.Rights)})
		}
		if st, err := s.meta.Stream(metadata.ByNumber(e.ID)); err == nil {
			name(st, &p.Streams[i])
		}
	}
	return p
}

// name notes which stream and topics an entry of rights is for.
func name(st *metadata.Stream, e *metadata.StreamPermissions) {
	e.Since = st.Since
	for i := range e.Topics {
		if t, err := st.Topic(metadata.ByNumber(e.Topics[i].Topic)); err == nil {
			e.Topics[i].Since = t.Since
		}
	}
}

func getUser(s *Shard, q *request, r *wire.Request) {
	g := r.Form.(*wire.GetUser)
	u, err := s.meta.Accounts.User(ident(g.User))
	if err != nil {
		s.answer(q, wire.NotThere{})
		return
	}
	action := metadata.ActionGetUser
	if u.ID == metadata.UserID(q.Peer.Session.User) {
		action = metadata.ActionGetOwnUser
	}
	if !s.may(q, action, 0, 0) {
		return
	}
	w := wireUserDetails(u)
	s.answer(q, &w)
}

func getUsers(s *Shard, q *request, _ *wire.Request) {
	if !s.may(q, metadata.ActionGetUsers, 0, 0) {
		return
	}
	s.list(q, &listing{step: listUsers})
}

func createUser(s *Shard, q *request, r *wire.Request) {
	u, err := r.Form.(*wire.CreateUser), error(nil)
	if err == nil && len(u.Options) > 0 {
		err = noOption(u.Options)
	}
	if err != nil {
		s.refuseFor(q, err)
		return
	}
	q.about(string(u.Username))
	if !s.judge(q, metadata.ActionCreateUser, nothing, nothing) {
		return
	}
	switch {
	case len(u.Username) < usernameMin || len(u.Username) > usernameMax:
		err = wire.StatusInvalidUsername
	case !passwordOK(u.Password):
		err = wire.StatusInvalidPassword
	case u.Status != wire.UserActive && u.Status != wire.UserInactive:
		err = wire.StatusInvalidUserStatus
	}
	if err == nil {
		if _, exists := s.meta.Accounts.User(metadata.ByName(u.Username)); exists == nil {
			err = wire.StatusUserAlreadyExists
		}
	}
	if err != nil {
		s.refuse(q, wire.StatusOf(err))
		return
	}
	s.hash(q, u.Password, func(s *Shard, phc string) {
		s.propose(q, metadata.EncodeCreateUser(nil, s.micros(), metadata.CreateUser{Name: u.Username, PasswordPHC: phc,
			Status: metadata.UserStatus(u.Status), Permissions: s.metaPermissions(u.Permissions)}))
	})
}

func passwordOK(p []byte) bool { return len(p) >= passwordMin && len(p) <= passwordMax }

// hash has a password hashed outside the shard, and goes on with q when that is done. The frame of q stays.
func (s *Shard) hash(q *request, password []byte, then func(s *Shard, phc string)) {
	err := s.cfg.Hasher.Hash(password, func(phc string, err error) {
		s.Post(func(s *Shard) {
			if err != nil {
				s.refuse(q, wire.StatusError)
				return
			}
			then(s, phc)
		})
	})
	if err != nil {
		s.refuse(q, wire.StatusTransientNotCommitted) // busy: clients try again in 50 ms
	}
}

func updateUser(s *Shard, q *request, r *wire.Request) {
	u, err := r.Form.(*wire.UpdateUser), error(nil)
	if err == nil && len(u.Options) > 0 {
		err = noOption(u.Options)
	}
	if err != nil {
		s.refuseFor(q, err)
		return
	}
	q.about(ident(u.User).String())
	if !s.judge(q, metadata.ActionUpdateUser, nothing, nothing) {
		return
	}
	_, err = s.meta.Accounts.User(ident(u.User))
	switch {
	case err != nil:
	case u.HasUsername && (len(u.Username) < usernameMin || len(u.Username) > usernameMax):
		err = wire.StatusInvalidUsername
	case u.HasStatus && u.Status != wire.UserActive && u.Status != wire.UserInactive:
		err = wire.StatusInvalidUserStatus
	}
	if err != nil {
		s.refuse(q, metaStatus(err))
		return
	}
	change := metadata.UpdateUser{User: ident(u.User)}
	if u.HasUsername {
		change.Name = u.Username
	}
	if u.HasStatus {
		change.Status = metadata.UserStatus(u.Status)
	}
	s.propose(q, metadata.EncodeUpdateUser(nil, s.micros(), change))
}

func deleteUser(s *Shard, q *request, r *wire.Request) {
	d := r.Form.(*wire.DeleteUser)
	q.about(ident(d.User).String())
	if s.judge(q, metadata.ActionDeleteUser, nothing, nothing) {
		s.propose(q, metadata.EncodeDeleteUser(nil, s.micros(), ident(d.User)))
	}
}

// updatePermissions is judged before its body is decoded, as createUser.
func updatePermissions(s *Shard, q *request, r *wire.Request) {
	if !s.judge(q, metadata.ActionUpdatePermissions, nothing, nothing) {
		return
	}
	if r.Malformed != nil {
		s.refuse(q, wire.StatusOf(r.Malformed))
		return
	}
	u := r.Form.(*wire.UpdatePermissions)
	q.about(ident(u.User).String())
	s.propose(q, metadata.EncodeUpdatePermissions(nil, s.micros(), ident(u.User), s.metaPermissions(u.Permissions)))
}

// changePassword asks for the present password of the user in question, whoever the caller is.
func changePassword(s *Shard, q *request, r *wire.Request) {
	p := r.Form.(*wire.ChangePassword)
	u, err := s.meta.Accounts.User(ident(p.User))
	q.about(ident(p.User).String())
	action := metadata.ActionChangePassword
	if err == nil && u.ID == metadata.UserID(q.Peer.Session.User) {
		action = metadata.ActionChangeOwnPassword
	}
	if !s.judge(q, action, nothing, nothing) {
		return
	}
	if err == nil && !passwordOK(p.New) {
		err = wire.StatusInvalidPassword
	}
	if err != nil {
		s.refuse(q, metaStatus(err))
		return
	}
	id, since, checked := u.ID, u.Since, u.PasswordPHC
	err = s.checkPassword(q, checked, u.Name, p.Current, func(s *Shard, ok bool) {
		if !ok {
			s.refuse(q, wire.StatusInvalidCredentials)
			return
		}
		s.hash(q, p.New, func(s *Shard, phc string) {
			if _, err := s.meta.Accounts.UserSince(id, since); err != nil {
				s.refuse(q, metaStatus(err))
				return
			}
			s.propose(q, metadata.EncodeChangePassword(nil, s.micros(), metadata.ByNumber(id), checked, phc, p.DropTokens))
		})
	})
	if err != nil {
		s.refuse(q, wire.StatusTransientNotCommitted)
	}
}

// checkPassword has a password checked outside the shard. An error: too much is to be checked, then does not run.
func (s *Shard) checkPassword(q *request, phc, name string, password []byte, then func(s *Shard, ok bool)) error {
	return s.cfg.Hasher.Verify(Attempt{Account: name, Address: host(q.Peer.Address), PHC: phc, Password: bytes.Clone(password)}, func(ok bool) {
		s.Post(func(s *Shard) { then(s, ok) })
	})
}
