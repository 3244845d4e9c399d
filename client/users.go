package client

import (
	"context"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// GetUser describes a user. StatusResourceNotFound: there is none.
func (c *Client) GetUser(ctx context.Context, user wire.Identifier) (wire.UserDetails, error) {
	return askFor(ctx, c, wire.CodeGetUser, vsr.AppendGetUser(nil, wire.GetUser{User: user}), vsr.DecodeGetUserReply, wire.StatusResourceNotFound)
}

// GetUsers lists all users.
func (c *Client) GetUsers(ctx context.Context) ([]wire.User, error) {
	return ask(ctx, c, wire.CodeGetUsers, nil, vsr.DecodeGetUsersReply)
}

// CreateUser makes an active user; permissions nil: none.
func (c *Client) CreateUser(ctx context.Context, name, password string, permissions *wire.Permissions) (wire.UserDetails, error) {
	return ask(ctx, c, wire.CodeCreateUser, vsr.AppendCreateUser(nil, wire.CreateUser{Username: []byte(name), Password: []byte(password),
		Status: wire.UserActive, Permissions: permissions}), vsr.DecodeCreateUserReply)
}

// DeleteUser removes a user.
func (c *Client) DeleteUser(ctx context.Context, user wire.Identifier) error {
	return c.tell(ctx, wire.CodeDeleteUser, vsr.AppendDeleteUser(nil, wire.DeleteUser{User: user}))
}

// UpdateUser changes name, status or both, as u says.
func (c *Client) UpdateUser(ctx context.Context, u wire.UpdateUser) error {
	return c.tell(ctx, wire.CodeUpdateUser, vsr.AppendUpdateUser(nil, u))
}

// UpdatePermissions replaces a user's permissions; nil: none from now on.
func (c *Client) UpdatePermissions(ctx context.Context, user wire.Identifier, permissions *wire.Permissions) error {
	return c.tell(ctx, wire.CodeUpdatePermissions, vsr.AppendUpdatePermissions(nil, wire.UpdatePermissions{User: user, Permissions: permissions}))
}

// ChangePassword gives a user another password; current is that user's own. All sessions of the user end but the one that asks.
func (c *Client) ChangePassword(ctx context.Context, user wire.Identifier, current, password string) error {
	return c.changePassword(ctx, wire.ChangePassword{User: user, Current: []byte(current), New: []byte(password)})
}

// ChangePasswordAndTokens is ChangePassword that deletes the user's tokens too. Servers of others refuse it.
func (c *Client) ChangePasswordAndTokens(ctx context.Context, user wire.Identifier, current, password string) error {
	return c.changePassword(ctx, wire.ChangePassword{User: user, Current: []byte(current), New: []byte(password), DropTokens: true})
}

func (c *Client) changePassword(ctx context.Context, p wire.ChangePassword) error {
	return c.tell(ctx, wire.CodeChangePassword, vsr.AppendChangePassword(nil, p))
}

// GetTokens lists the caller's tokens.
func (c *Client) GetTokens(ctx context.Context) ([]wire.Token, error) {
	return ask(ctx, c, wire.CodeGetTokens, nil, vsr.DecodeGetTokensReply)
}

// CreateToken makes a personal access token and returns its secret, which is shown this once; expiryMicros 0: never.
func (c *Client) CreateToken(ctx context.Context, name string, expiryMicros uint64) (secret string, err error) {
	return ask(ctx, c, wire.CodeCreateToken, vsr.AppendCreateToken(nil, wire.CreateToken{Name: []byte(name), ExpiryMicros: expiryMicros}), vsr.DecodeCreateTokenReply)
}

// DeleteToken removes a token of the caller.
func (c *Client) DeleteToken(ctx context.Context, name string) error {
	return c.tell(ctx, wire.CodeDeleteToken, vsr.AppendDeleteToken(nil, wire.DeleteToken{Name: []byte(name)}))
}
