package storage_test

import (
	"encoding/binary"
	"testing"

	"github.com/galgo-mq/galgo/sim"
	"github.com/galgo-mq/galgo/storage"
)

// TestAMessageIsNeverReadAsAGroupOfVersion1: the head of such a group has no checksum, so what a client sent may look like one where a start
// looks for groups; it must not have the rest of the file read for each of its blocks.
func TestAMessageIsNeverReadAsAGroupOfVersion1(t *testing.T) {
	disk := sim.NewDisk(1)
	start := func() *readCount {
		_ = disk.Mkdir(dir)
		fd, err := disk.Open(dir+"/"+storage.SuperblockName, true, false)
		if err != nil {
			t.Fatal(err)
		}
		d := &readCount{Disk: disk, paths: map[int32]string{}, bytes: map[string]int64{}}
		mem := sim.NewMemory(64 << 20)
		_, err = storage.Recover(d, fd, storage.RecoverConfig{Dir: dir, Shards: 1, JournalBytes: 8 << 20, BootID: disk.BootID(), Memory: mem, KeepBytes: 16 << 20,
			Metadata: func([]byte, []storage.MetaCommand) (storage.MetaState, error) { return storage.MetaState{}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	start()
	disk.Kill()
	for _, path := range disk.Files(".journal") {
		disk.Damage(path, func(p []byte) []byte {
			le := binary.LittleEndian
			for at := storage.BlockSize; at < len(p); at += storage.BlockSize {
				q := p[at:]
				copy(q, "GGRP")
				le.PutUint16(q[4:], 1)
				le.PutUint64(q[8:], 1000)
				le.PutUint64(q[24:], 1)
				le.PutUint32(q[32:], uint32(len(p)-at))
			}
			return p
		})
	}
	read := start().bytes
	for _, path := range disk.Files(".journal") {
		if n, most := read[path], int64(len(disk.Contents(path))); n > most {
			t.Errorf("%d bytes of %s are read, which has %d", n, path, most)
		}
	}
}
