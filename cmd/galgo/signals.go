package main

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// signalRepeatMax is how long after a first signal another one may be its echo: timeout(1) and its like signal the process
// and then its group.
const signalRepeatMax = 2 * time.Second

// awaitEnd waits until ended says how it ended, or for the signal that ends at once. One signal before late is taken for an
// echo of the first.
func awaitEnd(ended <-chan error, signals <-chan os.Signal, late <-chan time.Time, log *zap.Logger) (forced os.Signal, err error) {
	for echo := true; ; {
		select {
		case err := <-ended:
			return nil, err
		case <-late:
			echo = false
		case s := <-signals:
			if !echo {
				return s, nil
			}
			echo = false
			log.Info(fmt.Sprintf("%s again, at once: taken for the same wish; the next one ends at once", s), zap.String("event", "signal_repeated"))
		}
	}
}

func signalCode(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return exitSignal + int(n)
	}
	return exitFailed
}
