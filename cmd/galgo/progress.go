package main

import (
	"fmt"
	"io"
	"time"
)

// showProgress says each second, in one line of a terminal, how far a measurement is. The line is gone when stop returns.
func showProgress(out io.Writer, terminal bool, total time.Duration, messages uint64) (stop func()) {
	if !terminal {
		return func() {}
	}
	what := fmt.Sprintf("about %s, and what it takes to prepare", total.Round(time.Second))
	if messages > 0 {
		what = fmt.Sprintf("%d messages", messages)
	}
	begin, done, gone := time.Now(), make(chan struct{}), make(chan struct{})
	show := func() {
		fmt.Fprintf(out, "\r\033[Kmeasuring: %d s of %s", int(time.Since(begin)/time.Second), what)
	}
	show()
	go func() {
		defer close(gone)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				fmt.Fprint(out, "\r\033[K")
				return
			case <-tick.C:
				show()
			}
		}
	}()
	return func() {
		close(done)
		<-gone
	}
}
