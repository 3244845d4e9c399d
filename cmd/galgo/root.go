package main

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/server"
)

// rootCredentials says who the first user of an empty data directory is. What cannot be used makes no user. A password that
// nobody gave is made up and printed to out, before the user exists: one that cannot be shown makes none either.
func rootCredentials(c *config.Config, out io.Writer, hash func(password []byte) (string, error)) server.RootCredentials {
	return server.RootCredentials{Username: c.RootUsername, PasswordPHC: func() (string, error) {
		password, err := c.FirstPassword()
		if err != nil {
			return "", exit{exitUsage, err}
		}
		if password == "" {
			password = rand.Text()
			_, err = fmt.Fprintf(out, "The data directory is new. Its first user is %s, with this password, which is not shown again:\n\n    %s\n\n",
				c.RootUsername, password)
			if err != nil {
				return "", fmt.Errorf("show the password of the first user: %w", err)
			}
		}
		phc, err := hash([]byte(password))
		if err != nil {
			return "", fmt.Errorf("password of the first user: %w", err)
		}
		return phc, nil
	}}
}

// rootRule says in a line where the first user's password comes from.
func rootRule(c *config.Config, firstStart bool) string {
	switch {
	case !firstStart:
		username, password := c.FirstUserVariables()
		return "users are those of the data directory; " + username + " and " + password + " count on the first start only"
	case c.RootPassword == "":
		return "first user " + c.RootUsername + " made, its password was printed to standard output"
	default:
		return "first user " + c.RootUsername + " made, with the password that was given"
	}
}
