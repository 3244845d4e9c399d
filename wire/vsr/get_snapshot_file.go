package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_SNAPSHOT_FILE (11), a read: how the server does, for whoever looks for a fault.
//
//	compression   u8                         1 stored, 2 deflate, 3 bzip2, 4 zstd, 5 lzma, 6 xz
//	types         count u8, so many times u8   1 to 6, or 100 alone
//
// Reply: the bytes of a ZIP archive with one entry for each type, and nothing else. Errors: 3 an unknown number, or 100
// in company; 9000 it cannot be made, is larger than a frame, or another one is being made.

// DecodeGetSnapshotFile decodes the body of the request.
func DecodeGetSnapshotFile(body []byte) (g wire.GetSnapshotFile, err error) {
	r := reader{p: body}
	g.Compression = wire.SnapshotCompression(r.u8())
	if g.Compression < wire.SnapshotStored || g.Compression > wire.SnapshotXZ {
		r.fail()
	}
	types := r.bytes8()
	for _, v := range types {
		t := wire.SnapshotType(v)
		if !t.Known() || t == wire.SnapshotAll && len(types) > 1 {
			r.fail()
			break
		}
		g.Types = append(g.Types, t)
	}
	return g, r.err()
}

// AppendGetSnapshotFile appends the body of the request, of at most 255 types.
func AppendGetSnapshotFile(dst []byte, g wire.GetSnapshotFile) []byte {
	dst = append(dst, byte(g.Compression), byte(len(g.Types)))
	for _, t := range g.Types {
		dst = append(dst, byte(t))
	}
	return dst
}
