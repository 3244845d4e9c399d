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
	m.users.rename(uint32(u.ID), u.Name, changed.Name)
	*u = changed
	return Result{User: u.ID}, nil
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
	m.dropTokens(u)
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
	m.bindRights(permissions)
	u.Permissions = permissions
	return Result{User: u.ID}, nil
}

func (m *Machine) changePassword(_ Micros, d *decoder) (Result, error) {
	id, checked, phc := d.ident(), d.text(), d.text()
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
	changed := *u
	changed.PasswordPHC = string(phc)
	if err := changed.check(); err != nil {
		return Result{}, err
	}
	*u = changed
	return Result{User: u.ID}, nil
}
