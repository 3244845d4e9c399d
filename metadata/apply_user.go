package metadata

func (m *Machine) createUser(c *command) (Result, error) {
	name, phc, status, permissions := c.text(), c.text(), UserStatus(c.u8()), c.permissions(c.version >= 2)
	if !c.whole() {
		return Result{}, ErrCommand
	}
	u := &User{Name: string(name), PasswordPHC: string(phc), Status: status, CreatedAt: c.at, Since: c.revision, Secured: c.revision, Permissions: permissions}
	if err := u.check(); err != nil {
		return Result{}, err
	}
	switch {
	case m.Accounts.users.hasName(name):
		return Result{}, ErrUserExists
	case m.Accounts.users.count() == UsersMax:
		return Result{}, ErrTooManyUsers
	}
	if u.ID = UserID(m.Accounts.users.lowestFree()); u.ID == RootID {
		u.Permissions = &Permissions{Global: AllRights}
	}
	u.Permissions.bind(&m.Tree)
	m.Accounts.add(u)
	return Result{User: u.ID}, nil
}

// check judges a user alone.
func (u *User) check() error {
	switch {
	case !nameOK([]byte(u.Name), usernameBytesMin, usernameBytesMax):
		return ErrUsername
	case u.PasswordPHC == "" || len(u.PasswordPHC) > passwordPHCMax:
		return ErrPassword
	case u.Status != UserActive && u.Status != UserInactive:
		return ErrUserStatus
	case u.Permissions != nil:
		return u.Permissions.check()
	}
	return nil
}

func (a *Accounts) updateUser(c *command) (Result, error) {
	id, name, status := c.ident(), c.text(), UserStatus(c.u8())
	if !c.whole() {
		return Result{}, ErrCommand
	}
	u, err := a.User(id)
	if err != nil {
		return Result{}, err
	}
	changed := *u
	if len(name) > 0 {
		changed.Name = string(name)
	}
	if status != 0 {
		changed.Status = status
	}
	if err := changed.check(); err != nil {
		return Result{}, err
	}
	if changed.Name != u.Name && a.users.hasName(name) {
		return Result{}, ErrUserExists
	}
	if c.guardsManagers() && !changed.manages() && a.isLastManager(u) {
		return Result{}, ErrLastManagerOff
	}
	r := Result{User: u.ID}
	if changed.Status != u.Status && changed.Status == UserInactive {
		c.secure(&changed, &r)
	}
	a.users.rename(uint32(u.ID), u.Name, changed.Name)
	a.resize(u, func() { *u = changed })
	return r, nil
}

func (a *Accounts) deleteUser(c *command) (Result, error) {
	id := c.ident()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	u, err := a.User(id)
	if err != nil {
		return Result{}, err
	}
	if u.ID == RootID {
		return Result{}, ErrDeleteRoot
	}
	if c.guardsManagers() && a.isLastManager(u) {
		return Result{}, ErrDeleteLastManager
	}
	a.dropTokens(u)
	a.bytes -= u.size()
	a.users.remove(uint32(u.ID), u.Name)
	return Result{User: u.ID}, nil
}

func (m *Machine) updatePermissions(c *command) (Result, error) {
	id, permissions := c.ident(), c.permissions(c.version >= 2)
	if !c.whole() {
		return Result{}, ErrCommand
	}
	u, err := m.Accounts.User(id)
	if err != nil {
		return Result{}, err
	}
	if u.ID == RootID {
		return Result{}, ErrRootPermissions
	}
	if permissions != nil {
		if err := permissions.check(); err != nil {
			return Result{}, err
		}
	}
	changed := *u
	changed.Permissions = permissions
	if c.guardsManagers() && !changed.manages() && m.Accounts.isLastManager(u) {
		return Result{}, ErrLastManagerRights
	}
	permissions.bind(&m.Tree)
	m.Accounts.resize(u, func() { u.Permissions = permissions })
	return Result{User: u.ID}, nil
}

func (a *Accounts) changePassword(c *command) (Result, error) {
	id, checked, phc := c.ident(), c.text(), c.text()
	dropTokens := c.version >= 2 && c.bool()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	u, err := a.User(id)
	if err != nil {
		return Result{}, err
	}
	if u.PasswordPHC != string(checked) {
		return Result{}, ErrPasswordChanged
	}
	return a.setPassword(c, u, string(phc), u.Status, dropTokens)
}

func (a *Accounts) resetPassword(c *command) (Result, error) {
	id, phc := c.ident(), c.text()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	u, err := a.User(id)
	if err != nil {
		return Result{}, err
	}
	return a.setPassword(c, u, string(phc), UserActive, true)
}

// setPassword ends what was begun with the password before: sessions, and tokens if they are to go too.
func (a *Accounts) setPassword(c *command, u *User, phc string, status UserStatus, dropTokens bool) (Result, error) {
	changed := *u
	changed.PasswordPHC, changed.Status = phc, status
	if err := changed.check(); err != nil {
		return Result{}, err
	}
	r := Result{User: u.ID}
	c.secure(&changed, &r)
	if dropTokens {
		a.dropTokens(u)
		changed.Tokens = nil
	}
	a.resize(u, func() { *u = changed })
	return r, nil
}

// secure notes that sessions of the user that began before are not good any more.
func (c *command) secure(u *User, r *Result) { u.Secured, r.Secured = c.revision, c.revision }

// manages tells whether the user can log in and manage users.
func (u *User) manages() bool { return u.Status == UserActive && u.May(ActionUpdateUser, 0, 0) }

// isLastManager tells whether nobody else could bring back what the user would lose.
func (a *Accounts) isLastManager(u *User) bool {
	if !u.manages() {
		return false
	}
	for other := range a.Users() {
		if other != u && other.manages() {
			return false
		}
	}
	return true
}

// guardsManagers: commands of version 1 were judged without that rule, and are judged so again.
func (c *command) guardsManagers() bool { return c.version >= 2 }
