package config

import (
	"fmt"
	"io"
	"os"
)

const (
	configBytesMax   = 1 << 20
	passwordBytesMax = 4096 // far above what a password may be
)

// readBounded reads a file that should be small: one that never ends, as a device, is an error and not read to its end.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is larger than %d bytes: that is no such file", path, most)
	}
	return text, err
}
