package main

import (
	"errors"
	"strings"
	"syscall"

	"github.com/galgo-mq/galgo/wire"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// worded is an error of a client command, told to people. What it was is still there for errors.As.
type worded struct {
	text string
	err  error
}

func (w worded) Error() string { return w.text }
func (w worded) Unwrap() error { return w.err }

// statusWords are the answers that an operator meets most, without the names that the protocol has for them.
var statusWords = map[wire.Status]string{
	wire.StatusInvalidCredentials:    "the user name or the password is wrong, or the user is inactive",
	wire.StatusUnauthenticated:       "the session has ended: log in again",
	wire.StatusUnauthorized:          "this user has no right to do that",
	wire.StatusStreamIDNotFound:      "there is no such stream",
	wire.StatusTopicIDNotFound:       "there is no such topic",
	wire.StatusTransientNotCommitted: "the broker is busy: try again in a moment",
	wire.StatusTransientNotAccepted:  "the broker is busy: try again in a moment",
	wire.StatusFeatureUnavailable:    "this broker cannot do that",
	wire.StatusInvalidCommand:        "this broker does not understand the request: is it another version?",
}

// inWords makes what a broker or the network answered readable.
func inWords(err error) error {
	var status wire.Status
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		words, ok := statusWords[status]
		if !ok {
			_, words, ok = strings.Cut(status.Error(), ": ")
		}
		if ok {
			said := status.Error()
			if reason := vsr.Reason(0); errors.As(err, &reason) {
				said = reason.Error() // the number of a reason tells an operator nothing
			}
			return worded{strings.Replace(err.Error(), said, words, 1), err}
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		return worded{err.Error() + ": no broker listens there; start it, or give its --address", err}
	}
	return err
}
