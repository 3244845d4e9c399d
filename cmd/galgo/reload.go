package main

import (
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
)

// catchHangups is called before anything else that a server does: SIGHUP never ends it.
func catchHangups() <-chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// reloader takes the configuration in again when a SIGHUP comes: the log's level holds at once, everything else from the next
// start on.
type reloader struct {
	hangups <-chan os.Signal
	again   func() (*config.Config, error)
	last    config.Config // as it was read last
	log     serverLog
}

func (r *reloader) run() {
	for range r.hangups {
		r.reload()
	}
}

func (r *reloader) reload() {
	c, err := r.again()
	if err != nil {
		r.log.Error("the configuration cannot be used: what held before still does", zap.String("event", "reload_failed"), zap.Error(err))
		return
	}
	changed := config.Changed(&r.last, c)
	waiting := changed[:0:0]
	for _, key := range changed {
		if key != "log.level" {
			waiting = append(waiting, key)
		}
	}
	r.last = *c
	before, level := r.log.level.Level(), logLevel(c.LogLevel)
	r.log.level.SetLevel(min(before, level)) // the answer to the signal is shown at the level before, too
	r.log.Info("configuration reloaded", zap.String("event", "reloaded"), zap.String("log.level", c.LogLevel), zap.Strings("next_start", waiting))
	r.log.level.SetLevel(level)
}
