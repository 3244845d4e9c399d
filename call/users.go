package call

import (
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
func (of *World) metaPermissions(w *wire.Permissions) *metadata.Permissions {
	if w == nil {
		return nil
	}
	p := &metadata.Permissions{Global: metadata.GlobalRights(w.Global), Streams: make([]metadata.StreamPermissions, len(w.Streams))}
	for i, e := range w.Streams {
		p.Streams[i] = metadata.StreamPermissions{Stream: metadata.StreamID(e.ID), Rights: metadata.StreamRights(e.Rights)}
		for _, t := range e.Topics {
			p.Streams[i].Topics = append(p.Streams[i].Topics, metadata.TopicPermissions{Topic: metadata.TopicID(t.ID), Rights: metadata.TopicRights(t.Rights)})
		}
		if st, err := of.Meta.Stream(metadata.ByNumber(e.ID)); err == nil {
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

func getUser(r *Room, c *Call, in *wire.Request) {
	g := in.Form.(*wire.GetUser)
	u, err := r.meta.Accounts.User(ident(g.User))
	if err != nil {
		r.answer(c, wire.NotThere{})
		return
	}
	action := metadata.ActionGetUser
	if u.ID == metadata.UserID(c.Peer.Session.User) {
		action = metadata.ActionGetOwnUser
	}
	if !r.may(c, action, 0, 0) {
		return
	}
	w := wireUserDetails(u)
	r.answer(c, &w)
}

func getUsers(r *Room, c *Call, _ *wire.Request) {
	if !r.may(c, metadata.ActionGetUsers, 0, 0) {
		return
	}
	r.lists.start(c, &listing{step: listUsers})
}

func createUser(r *Room, c *Call, in *wire.Request) {
	u := in.Form.(*wire.CreateUser)
	err := noOption(u.Options)
	if err != nil {
		r.refuseFor(c, err)
		return
	}
	c.about(string(u.Username))
	if !r.authorize(c, metadata.ActionCreateUser, nothing, nothing) {
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
		if _, exists := r.meta.Accounts.User(metadata.ByName(u.Username)); exists == nil {
			err = wire.StatusUserAlreadyExists
		}
	}
	if err != nil {
		r.refuse(c, wire.StatusOf(err))
		return
	}
	r.hash(c, u.Password, func(phc string) {
		r.propose(c, metadata.EncodeCreateUser(nil, r.now, metadata.CreateUser{Name: u.Username, PasswordPHC: phc,
			Status: metadata.UserStatus(u.Status), Permissions: r.world.metaPermissions(u.Permissions)}))
	})
}

func passwordOK(p []byte) bool { return len(p) >= passwordMin && len(p) <= passwordMax }

// hash has a password hashed outside the shard, and goes on when that is done. The frame of c stays.
func (r *Room) hash(c *Call, password []byte, then func(phc string)) {
	r.ask(c, Ask{Kind: AskHash, Password: password}, func(a *Answer) {
		if a.Err != nil {
			r.refuse(c, wire.StatusError)
			return
		}
		then(a.PHC)
	})
}

func updateUser(r *Room, c *Call, in *wire.Request) {
	u := in.Form.(*wire.UpdateUser)
	err := noOption(u.Options)
	if err != nil {
		r.refuseFor(c, err)
		return
	}
	c.about(ident(u.User).String())
	if !r.authorize(c, metadata.ActionUpdateUser, nothing, nothing) {
		return
	}
	_, err = r.meta.Accounts.User(ident(u.User))
	switch {
	case err != nil:
	case u.HasUsername && (len(u.Username) < usernameMin || len(u.Username) > usernameMax):
		err = wire.StatusInvalidUsername
	case u.HasStatus && u.Status != wire.UserActive && u.Status != wire.UserInactive:
		err = wire.StatusInvalidUserStatus
	}
	if err != nil {
		r.refuse(c, statusOf(err))
		return
	}
	change := metadata.UpdateUser{User: ident(u.User)}
	if u.HasUsername {
		change.Name = u.Username
	}
	if u.HasStatus {
		change.Status = metadata.UserStatus(u.Status)
	}
	r.propose(c, metadata.EncodeUpdateUser(nil, r.now, change))
}

func deleteUser(r *Room, c *Call, in *wire.Request) {
	d := in.Form.(*wire.DeleteUser)
	c.about(ident(d.User).String())
	if r.authorize(c, metadata.ActionDeleteUser, nothing, nothing) {
		r.propose(c, metadata.EncodeDeleteUser(nil, r.now, ident(d.User)))
	}
}

// updatePermissions has its right looked at before it refuses a body that can't be read.
func updatePermissions(r *Room, c *Call, in *wire.Request) {
	if !r.authorize(c, metadata.ActionUpdatePermissions, nothing, nothing) {
		return
	}
	if in.Malformed != nil {
		r.refuse(c, wire.StatusOf(in.Malformed))
		return
	}
	u := in.Form.(*wire.UpdatePermissions)
	c.about(ident(u.User).String())
	r.propose(c, metadata.EncodeUpdatePermissions(nil, r.now, ident(u.User), r.world.metaPermissions(u.Permissions)))
}

// changePassword asks for the present password of the user in question, whoever the caller is.
func changePassword(r *Room, c *Call, in *wire.Request) {
	p := in.Form.(*wire.ChangePassword)
	u, err := r.meta.Accounts.User(ident(p.User))
	c.about(ident(p.User).String())
	action := metadata.ActionChangePassword
	if err == nil && u.ID == metadata.UserID(c.Peer.Session.User) {
		action = metadata.ActionChangeOwnPassword
	}
	if !r.authorize(c, action, nothing, nothing) {
		return
	}
	if err == nil && !passwordOK(p.New) {
		err = wire.StatusInvalidPassword
	}
	if err != nil {
		r.refuse(c, statusOf(err))
		return
	}
	id, since, checked := u.ID, u.Since, u.PasswordPHC
	r.checkPassword(c, checked, u.Name, p.Current, func(ok bool) {
		if !ok {
			r.refuse(c, wire.StatusInvalidCredentials)
			return
		}
		r.hash(c, p.New, func(phc string) {
			if _, err := r.meta.Accounts.UserSince(id, since); err != nil {
				r.refuse(c, statusOf(err))
				return
			}
			r.propose(c, metadata.EncodeChangePassword(nil, r.now, metadata.ByNumber(id), checked, phc, p.DropTokens))
		})
	})
}
