package server

import (
	"context"
	"errors"
	"time"

	"github.com/galgo-mq/galgo/metadata"
)

// What ResetPassword answers besides what stops a start.
var (
	ErrNoUsers = errors.New("the data directory has no users: no server has ever served it")
	ErrNoUser  = errors.New("no such user")
)

// offlineRetention keeps a run that serves nobody from removing messages.
const offlineRetention = 365 * 24 * time.Hour

// ResetPassword gives a user of a data directory another password, deletes the user's tokens and switches the user on, while no server
// runs. It is a start as any other, recovery included, that serves nobody: one command is journaled, and the run ends in order. phc is
// asked for the hash of the new password when the user is found.
func ResetPassword(ctx context.Context, cfg Config, name string, phc func() (string, error)) error {
	cfg.RetentionInterval = offlineRetention
	s, err := startServer(cfg, true, nil)
	if err != nil {
		return err
	}
	err = s.resetPassword(metadata.ByName([]byte(name)), phc)
	return errors.Join(err, s.Shutdown(ctx))
}

func (s *Server) resetPassword(user metadata.Ident, phc func() (string, error)) error {
	err := s.ask(func(done func(error)) { s.group.FindUser(user, done) })
	if errors.Is(err, metadata.ErrUserNotFound) {
		return ErrNoUser
	}
	hash := ""
	if err == nil {
		hash, err = phc()
	}
	if err != nil {
		return err
	}
	return s.ask(func(done func(error)) { s.group.ResetPassword(user, hash, done) })
}

// ask has the shards do something, and waits until it is done or the server has ended by itself.
func (s *Server) ask(f func(done func(error))) error {
	answer := make(chan error, 1)
	f(func(err error) { answer <- err })
	return s.wait(answer)
}
