package client

import (
	"bytes"
	"context"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// What the client says it is, for the server's log.
const (
	sdkName    = "galgo-go"
	sdkVersion = "0.1.0"
)

// Ping asks for a sign of life; it needs no login.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.call(ctx, wire.CodePing, nil, nil)
	return err
}

// Login opens a session as user. Wrong credentials: wire.StatusInvalidCredentials, and the connection can be used
// for another attempt. A session that is open is logged out first.
func (c *Client) Login(ctx context.Context, user, password string) (wire.LoginReply, error) {
	if len(user) == 0 || len(user) > 255 {
		return wire.LoginReply{}, wire.StatusInvalidUsername
	}
	if len(password) == 0 || len(password) > 255 {
		return wire.LoginReply{}, wire.StatusInvalidPassword
	}
	return c.login(ctx, wire.CodeLogin, wire.Login{Username: []byte(user), Password: []byte(password)})
}

// LoginWithToken opens a session with a personal access token.
func (c *Client) LoginWithToken(ctx context.Context, token string) (wire.LoginReply, error) {
	if len(token) == 0 || len(token) > 255 {
		return wire.LoginReply{}, wire.StatusInvalidPersonalAccessToken
	}
	return c.login(ctx, wire.CodeLoginWithToken, wire.Login{ByToken: true, Token: []byte(token)})
}

func (c *Client) login(ctx context.Context, code wire.Code, l wire.Login) (wire.LoginReply, error) {
	if c.session != 0 {
		if err := c.Logout(ctx); err != nil {
			return wire.LoginReply{}, err
		}
	}
	l.Protocol, l.SDKName, l.SDKVersion = vsr.Protocol, []byte(sdkName), []byte(sdkVersion)
	body := vsr.AppendLogin(nil, l) // not in c.body, which would keep the password
	defer clear(body)
	reply, err := ask(ctx, c, code, body, vsr.DecodeLoginReply)
	if err == nil {
		c.session = reply.Session
	}
	return reply, err
}

// Logout ends the session and leaves its consumer groups.
func (c *Client) Logout(ctx context.Context) error {
	_, err := c.call(ctx, wire.CodeLogout, nil, nil)
	if err == nil {
		c.newID()
	}
	return err
}

// Session is the number of the session, 0 without one.
func (c *Client) Session() uint64 { return c.session }

// ClusterMetadata asks for the servers there are.
func (c *Client) ClusterMetadata(ctx context.Context) (wire.ClusterMetadata, error) {
	return ask(ctx, c, wire.CodeGetClusterMetadata, nil, vsr.DecodeGetClusterMetadataReply)
}

// Stats asks how the server is.
func (c *Client) Stats(ctx context.Context) (wire.Stats, error) {
	return ask(ctx, c, wire.CodeGetStats, nil, vsr.DecodeGetStatsReply)
}

// Snapshot asks for a zip archive that tells how the server and its machine do.
func (c *Client) Snapshot(ctx context.Context, g wire.GetSnapshotFile) ([]byte, error) {
	return ask(ctx, c, wire.CodeGetSnapshotFile, vsr.AppendGetSnapshotFile(nil, g), func(archive []byte) ([]byte, error) { return archive, nil })
}

// Me asks how the server sees this connection.
func (c *Client) Me(ctx context.Context) (wire.ClientDetails, error) {
	return askFor(ctx, c, wire.CodeGetMe, nil, vsr.DecodeGetClientReply, wire.StatusClientNotFound)
}

// GetClient asks for the connection with that number. wire.StatusClientNotFound: there is none.
func (c *Client) GetClient(ctx context.Context, id uint32) (wire.ClientDetails, error) {
	body := vsr.AppendGetClient(c.body[:0], wire.GetClient{ID: id})
	return askFor(ctx, c, wire.CodeGetClient, body, vsr.DecodeGetClientReply, wire.StatusClientNotFound)
}

// Clients asks for all connections.
func (c *Client) Clients(ctx context.Context) ([]wire.Client, error) {
	return ask(ctx, c, wire.CodeGetClients, nil, vsr.DecodeGetClientsReply)
}

// DescribeOptions asks which options the server knows for a scope.
func (c *Client) DescribeOptions(ctx context.Context, scope wire.OptionScope) ([]wire.OptionDescription, error) {
	body := vsr.AppendDescribeOptions(c.body[:0], wire.DescribeOptions{Scope: scope})
	return ask(ctx, c, wire.CodeDescribeOptions, body, vsr.DecodeDescribeOptionsReply)
}

// tell sends a command whose success says nothing more.
func (c *Client) tell(ctx context.Context, code wire.Code, body []byte) error {
	c.body = body
	_, err := c.call(ctx, code, body, nil)
	return err
}

// ask sends a command and decodes its reply from a copy, which belongs to the caller.
func ask[T any](ctx context.Context, c *Client, code wire.Code, body []byte, decode func([]byte) (T, error)) (T, error) {
	reply, err := c.call(ctx, code, body, nil)
	if err != nil {
		var zero T
		return zero, err
	}
	return decode(bytes.Clone(reply))
}

// askFor is ask for what may not be there; then it returns missing.
func askFor[T any](ctx context.Context, c *Client, code wire.Code, body []byte,
	decode func([]byte) (T, bool, error), missing wire.Status) (T, error) {
	return ask(ctx, c, code, body, func(p []byte) (T, error) {
		v, found, err := decode(p)
		if err == nil && !found {
			err = missing
		}
		return v, err
	})
}
