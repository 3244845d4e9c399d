package metadata

func (m *Machine) createUser(at Micros, d *decoder) (Result, error) {
	name, phc, status, permissions := d.text(), d.text(), UserStatus(d.u8()), d.permissions(d.version >= 2)
	if !d.whole() {
		return Result{}, ErrCommand
	}
	u := &User{Name: string(name), PasswordPHC: string(phc), Status: status, CreatedAt: at, Since: m.revision, Secured: m.revision, Permissions: permissions}
	if err := u.check(); err != nil {
		return Result{}, err
	}
	switch {
	case m.users.hasName(name):
		return Result{}, ErrUserExists
	case m.users.count() == UsersMax:
		return Result{}, ErrTooManyUsers
	}
	if u.ID = UserID(m.users.lowestFree()); u.ID == RootID {
		u.Permissions = &Permissions{Global: AllRights}
	}
	m.bindRights(u.Permissions)
	m.users.put(uint32(u.ID), u.Name, u)
	m.bytes += u.size()
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

func (m *Machine) updateUser(_ Micros, d *decoder) (Result, error) {
	id, name, status := d.ident(), d.text(), UserStatus(d.u8())
	if !d.whole() {
		return Result{}, ErrCommand
	}
	u, err := m.User(id)
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
	if changed.Name != u.Name && m.users.hasName(name) {
		return Result{}, ErrUserExists
	}
	if d.guardsManagers() && !changed.manages() && m.isLastManager(u) {
		return Result{}, ErrLastManagerOff
	}
	r := Result{User: u.ID}
	if changed.Status != u.Status && changed.Status == UserInactive {
		m.secure(&changed, &r)
	}
	m.users.rename(uint32(u.ID), u.Name, changed.Name)
	m.resizeUser(u, func() { *u = changed })
	return r, nil
}

func (m *Machine) deleteUser(_ Micros, d *decoder) (Result, error) {
	id := d.ident()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	u, err := m.User(id)
	if err != nil {
		return Result{}, err
	}
	if u.ID == RootID {
		return Result{}, ErrDeleteRoot
	}
	if d.guardsManagers() && m.isLastManager(u) {
		return Result{}, ErrDeleteLastManager
	}
	m.dropTokens(u)
	m.bytes -= u.size()
	m.users.remove(uint32(u.ID), u.Name)
	return Result{User: u.ID}, nil
}

func (m *Machine) updatePermissions(_ Micros, d *decoder) (Result, error) {
	id, permissions := d.ident(), d.permissions(d.version >= 2)
	if !d.whole() {
		return Result{}, ErrCommand
	}
	u, err := m.User(id)
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
	if d.guardsManagers() && !changed.manages() && m.isLastManager(u) {
		return Result{}, ErrLastManagerRights
	}
	m.bindRights(permissions)
	m.resizeUser(u, func() { u.Permissions = permissions })
	return Result{User: u.ID}, nil
}

func (m *Machine) changePassword(_ Micros, d *decoder) (Result, error) {
	id, checked, phc := d.ident(), d.text(), d.text()
	dropTokens := d.version >= 2 && d.bool()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	u, err := m.User(id)
	if err != nil {
		return Result{}, err
	}
	if u.PasswordPHC != string(checked) {
		return Result{}, ErrPasswordChanged
	}
	return m.setPassword(u, string(phc), u.Status, dropTokens)
}

func (m *Machine) resetPassword(_ Micros, d *decoder) (Result, error) {
	id, phc := d.ident(), d.text()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	u, err := m.User(id)
	if err != nil {
		return Result{}, err
	}
	return m.setPassword(u, string(phc), UserActive, true)
}

// setPassword ends what was begun with the password before: sessions, and tokens if they are to go too.
func (m *Machine) setPassword(u *User, phc string, status UserStatus, dropTokens bool) (Result, error) {
	changed := *u
	changed.PasswordPHC, changed.Status = phc, status
	if err := changed.check(); err != nil {
		return Result{}, err
	}
	r := Result{User: u.ID}
	m.secure(&changed, &r)
	if dropTokens {
		m.dropTokens(u)
		changed.Tokens = nil
	}
	m.resizeUser(u, func() { *u = changed })
	return r, nil
}

// secure notes that sessions of the user that began before are not good any more.
func (m *Machine) secure(u *User, r *Result) { u.Secured, r.Secured = m.revision, m.revision }

// manages tells whether the user can log in and manage users.
func (u *User) manages() bool { return u.Status == UserActive && u.May(ActionUpdateUser, 0, 0) }

// isLastManager tells whether nobody else could bring back what the user would lose.
func (m *Machine) isLastManager(u *User) bool {
	if !u.manages() {
		return false
	}
	for other := range m.Users() {
		if other != u && other.manages() {
			return false
		}
	}
	return true
}

// guardsManagers: commands of version 1 were judged without that rule, and are judged so again.
func (d *decoder) guardsManagers() bool { return d.version >= 2 }
