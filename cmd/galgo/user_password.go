package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	passwordMin = 3
	passwordMax = 100
)

// newPassword makes a password up, asks for it twice on a terminal, or reads the first line of in.
func newPassword(in *os.File, ask io.Writer, name string, generate bool) (string, error) {
	if generate {
		return rand.Text(), nil
	}
	if !isTerminal(in) {
		return firstLine(in)
	}
	first, err := askFor(in, ask, "New password of "+name+": ")
	if err != nil {
		return "", err
	}
	again, err := askFor(in, ask, "The same again: ")
	if err == nil && first != again {
		err = errors.New("the two are not the same")
	}
	return first, err
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// askFor reads a line from a terminal that does not show it.
func askFor(in *os.File, ask io.Writer, prompt string) (string, error) {
	fd := int(in.Fd())
	shown, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", err
	}
	hidden := *shown
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &hidden); err != nil {
		return "", err
	}
	defer func() { _ = unix.IoctlSetTermios(fd, unix.TCSETSF, shown) }()
	fmt.Fprint(ask, prompt)
	defer fmt.Fprintln(ask)
	return firstLine(in)
}

// firstLine reads a password. It reads no more than a password may be long: what is given may be a device that never ends.
func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, passwordMax+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	if len(password) < passwordMin || len(password) > passwordMax {
		return "", fmt.Errorf("a password has %d to %d bytes; --generate makes one up", passwordMin, passwordMax)
	}
	return password, nil
}
