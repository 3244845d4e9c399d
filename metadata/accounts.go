package metadata

import "iter"

// Accounts are the users, each with rights and tokens.
type Accounts struct {
	users          table[User]
	tokens         map[TokenHash]*User // owners; never ranged over
	tokensExpireAt Micros              // see TokensExpireAt; not part of the state
	bytes          int                 // of memory, at most
}

// UserStatus says whether a user may log in.
type UserStatus uint8

const (
	UserActive   UserStatus = 1
	UserInactive UserStatus = 2
)

// User is an account.
type User struct {
	ID          UserID
	Name        string
	PasswordPHC string
	Status      UserStatus
	CreatedAt   Micros
	Since       uint64       // revision at which it was created: tells it from an earlier user with the same id
	Secured     uint64       // revision since which sessions are good: creation, or the last change that ended them
	Permissions *Permissions // nil: none
	Tokens      []Token      // in the order of their creation
}

// User finds a user. ErrUserNotFound.
func (a *Accounts) User(user Ident) (*User, error) {
	if u := a.users.find(user); u != nil {
		return u, nil
	}
	return nil, ErrUserNotFound
}

// UserSince finds the user that has had this id since the given revision. ErrUserNotFound: that one is gone, even if the
// id has been given out again.
func (a *Accounts) UserSince(id UserID, since uint64) (*User, error) {
	if u := a.users.find(ByNumber(id)); u != nil && u.Since == since {
		return u, nil
	}
	return nil, ErrUserNotFound
}

// Users yields all users by ascending id.
func (a *Accounts) Users() iter.Seq[*User] { return a.users.all }

// UserCount is the number of users; 0 means that no data directory was ever set up.
func (a *Accounts) UserCount() int { return a.users.count() }

// add puts a user into the table.
func (a *Accounts) add(u *User) {
	a.users.put(uint32(u.ID), u.Name, u)
	a.bytes += u.size()
}

// resize does f, which changes a user, and counts what that changes.
func (a *Accounts) resize(u *User, f func()) {
	a.bytes -= u.size()
	f()
	a.bytes += u.size()
}

// count adds up anew what the users take.
func (a *Accounts) count() (bytes int) {
	for u := range a.Users() {
		bytes += u.size()
	}
	return bytes
}
