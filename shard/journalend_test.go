package shard_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/server"
)

// TestAJournalThatFailsByItselfEndsTheBroker: nothing is in flight when a group finds no room.
func TestAJournalThatFailsByItselfEndsTheBroker(t *testing.T) {
	s := startBroker(t, t.TempDir(), func(c *server.Config) {
		c.CPUs, c.JournalBytes, c.Log = []int{0}, 2<<20, zap.NewNop()
	})
	c := s.dial(t)
	s.AdoptFencedLogs(2000)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := c.CreateStream(ctx, "s"); err == nil {
		t.Error("acknowledged by a journal that failed")
	}
	select {
	case <-s.Done():
	case <-ctx.Done():
		t.Fatal("the broker goes on")
	}
	if s.Err() == nil {
		t.Error("the broker ended without an error")
	}
}
