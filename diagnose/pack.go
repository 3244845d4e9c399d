package diagnose

import (
	"archive/zip"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/galgo-mq/galgo/wire"
)

// Methods of the ZIP format (APPNOTE 6.3.10, section 4.4.5) beside those of the standard library.
const (
	methodBzip2 = 12
	methodLZMA  = 14
	methodZstd  = 93
	methodXZ    = 95
)

// flagEndMarker says that an entry of methodLZMA ends with a marker: its size is not known when it begins.
const flagEndMarker = 1 << 1

// windowBytes is how far back compressors look; they take memory in proportion, and our texts are hardly longer.
const windowBytes = 1 << 20

// method is how the entries of an archive are packed.
type method struct {
	method, flags uint16
}

// packing teaches z one way to pack. An error: there is no such way.
func packing(z *zip.Writer, c wire.SnapshotCompression) (method, error) {
	switch c {
	case wire.SnapshotStored:
		return method{zip.Store, 0}, nil
	case wire.SnapshotDeflate:
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
		return method{zip.Deflate, 0}, nil
	case wire.SnapshotBzip2:
		z.RegisterCompressor(methodBzip2, func(w io.Writer) (io.WriteCloser, error) {
			return bzip2.NewWriter(w, &bzip2.WriterConfig{Level: bzip2.DefaultCompression})
		})
		return method{methodBzip2, 0}, nil
	case wire.SnapshotZstd:
		z.RegisterCompressor(methodZstd, func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowBytes))
		})
		return method{methodZstd, 0}, nil
	case wire.SnapshotLZMA:
		z.RegisterCompressor(methodLZMA, late(newLZMA))
		return method{methodLZMA, flagEndMarker}, nil
	case wire.SnapshotXZ:
		z.RegisterCompressor(methodXZ, late(func(w io.Writer) (io.WriteCloser, error) {
			return xz.WriterConfig{DictCap: windowBytes}.NewWriter(w)
		}))
		return method{methodXZ, 0}, nil
	}
	return method{}, fmt.Errorf("diagnose: there is no compression %d", c)
}

// late puts off the making of a packer until something is packed: these write their head when they are made, and the zip
// writer makes them before it has written the entry's own.
func late(make zip.Compressor) zip.Compressor {
	return func(w io.Writer) (io.WriteCloser, error) { return &latePacker{make: make, to: w}, nil }
}

type latePacker struct {
	make zip.Compressor
	to   io.Writer
	made io.WriteCloser
}

func (l *latePacker) Write(p []byte) (n int, err error) {
	if l.made == nil {
		if l.made, err = l.make(l.to); err != nil {
			return 0, err
		}
	}
	return l.made.Write(p)
}

func (l *latePacker) Close() error {
	if _, err := l.Write(nil); err != nil {
		return err
	}
	return l.made.Close()
}

// newLZMA packs as methodLZMA has it (APPNOTE 5.8.8). The library writes the header of an .lzma file, 13 bytes: properties 5,
// size 8. The ZIP format has in its place
//
//	at  size  field
//	 0     2  version of the LZMA SDK, major and minor
//	 2     2  size of the properties, little endian: 5
//	 4     5  properties
func newLZMA(w io.Writer) (io.WriteCloser, error) {
	return lzma.WriterConfig{DictCap: windowBytes, EOSMarker: true}.NewWriter(&lzmaHead{w: w})
}

const (
	lzmaProperties = 5
	lzmaHeadBytes  = 13
)

// lzmaHead replaces the header of an .lzma file, and passes on what follows.
type lzmaHead struct {
	w    io.Writer
	head []byte // what has come of the header
	done bool
}

func (h *lzmaHead) Write(p []byte) (int, error) {
	if h.done {
		return h.w.Write(p)
	}
	n := min(lzmaHeadBytes-len(h.head), len(p))
	h.head = append(h.head, p[:n]...)
	if len(h.head) < lzmaHeadBytes {
		return n, nil
	}
	h.done = true
	head := binary.LittleEndian.AppendUint16([]byte{9, 20}, lzmaProperties)
	if _, err := h.w.Write(append(head, h.head[:lzmaProperties]...)); err != nil {
		return 0, err
	}
	m, err := h.w.Write(p[n:])
	return n + m, err
}
