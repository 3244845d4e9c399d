package shard

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
	b, err := startBroker(cfg, true)
	if err != nil {
		return err
	}
	err = b.resetPassword(metadata.ByName([]byte(name)), phc)
	return errors.Join(err, b.Shutdown(ctx))
}

func (b *Broker) resetPassword(user metadata.Ident, phc func() (string, error)) error {
	err := b.ask(func(s *Shard, done chan<- error) {
		_, err := s.meta.User(user)
		done <- err
	})
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
	return b.ask(func(s *Shard, done chan<- error) {
		s.proposeInternal(metadata.EncodeResetPassword(nil, s.micros(), user, hash), func(_ *Shard, q *request) { done <- q.err })
	})
}

// ask has shard 0 do something and waits until it is done, or the broker has ended by itself.
func (b *Broker) ask(f func(s *Shard, done chan<- error)) error {
	done := make(chan error, 1)
	b.shards[0].post(func(s *Shard) { f(s, done) })
	select {
	case err := <-done:
		return err
	case <-b.done:
		return b.Err()
	}
}
