package wire

// UserStatus says whether a user may log in. A request may carry others than these; they are for the caller to refuse.
type UserStatus uint8

// States of a user.
const (
	UserActive   UserStatus = 1
	UserInactive UserStatus = 2
)

// GetUser asks for one user with its permissions.
type GetUser struct {
	User Identifier
}

// CreateUser makes a user. The lengths of name and password and the status are not judged yet.
type CreateUser struct {
	Username    []byte
	Password    []byte
	Status      UserStatus
	Permissions *Permissions // nil: none
	Options     []Option
}

// DeleteUser removes a user.
type DeleteUser struct {
	User Identifier
}

// UpdateUser gives a user another name, another status, both or neither. Length of the name and status are not judged
// yet.
type UpdateUser struct {
	User        Identifier
	HasUsername bool // otherwise the name stays
	Username    []byte
	HasStatus   bool // otherwise the status stays
	Status      UserStatus
	Options     []Option
}

// UpdatePermissions replaces a user's permissions.
type UpdatePermissions struct {
	User        Identifier
	Permissions *Permissions // nil: none from now on
}

// ChangePassword gives a user another password. Current is that of the same user, whoever asks. The length of New is
// not judged yet.
type ChangePassword struct {
	User    Identifier
	Current []byte
	New     []byte

	DropTokens bool // the user's tokens go too; of our own, no client of the protocol sends it
}

// User is a user as replies describe it.
type User struct {
	ID              uint32 // root is 0
	CreatedAtMicros uint64
	Status          UserStatus
	Username        string
	Options         []Option
}

// UserDetails is a user with its permissions.
type UserDetails struct {
	User
	Permissions *Permissions // nil: none
}
