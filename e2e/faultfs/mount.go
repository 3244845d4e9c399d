package faultfs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// FileName is the one file of a mounted disk.
const FileName = "disk"

const (
	rootNode = 1
	fileNode = 2
)

// mounted serves a disk as a filesystem of one file. Nothing of it stays in the page cache: each read and write comes here.
type mounted struct {
	fuse.RawFileSystem
	disk *Disk
}

// Mount serves d as dir/disk until it is unmounted.
func Mount(d *Disk, dir string) (*fuse.Server, error) {
	m := &mounted{fuse.NewDefaultRawFileSystem(), d}
	s, err := fuse.NewServer(m, dir, &fuse.MountOptions{Name: "faultfs", FsName: "faultfs", DirectMountStrict: true, MaxWrite: 512 << 10,
		DisableXAttrs: true})
	if err != nil {
		return nil, err
	}
	go s.Serve()
	return s, s.WaitMount()
}

func (m *mounted) attr(node uint64, a *fuse.Attr) fuse.Status {
	a.Ino, a.Nlink = node, 1
	switch node {
	case rootNode:
		a.Mode = syscall.S_IFDIR | 0o755
	case fileNode:
		a.Mode, a.Size = syscall.S_IFREG|0o600, uint64(m.disk.Size())
		a.Blksize, a.Blocks = 4096, a.Size/512
	default:
		return fuse.ENOENT
	}
	return fuse.OK
}

func (m *mounted) Lookup(_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if header.NodeId != rootNode || name != FileName {
		return fuse.ENOENT
	}
	out.NodeId, out.AttrValid, out.EntryValid = fileNode, 3600, 3600
	return m.attr(fileNode, &out.Attr)
}

func (m *mounted) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	out.AttrValid = 3600
	return m.attr(in.NodeId, &out.Attr)
}

func (m *mounted) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return m.attr(in.NodeId, &out.Attr) // times: nobody looks at them
}

func (m *mounted) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

func (m *mounted) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, err := m.disk.ReadAt(buf[:min(len(buf), int(in.Size))], int64(in.Offset))
	return fuse.ReadResultData(buf[:n]), fuse.ToStatus(err)
}

func (m *mounted) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n, err := m.disk.WriteAt(data, int64(in.Offset))
	return uint32(n), fuse.ToStatus(err)
}

func (m *mounted) Fsync(<-chan struct{}, *fuse.FsyncIn) fuse.Status {
	return fuse.ToStatus(m.disk.Flush())
}

func (m *mounted) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK } // a close flushes nothing

func (m *mounted) Fallocate(<-chan struct{}, *fuse.FallocateIn) fuse.Status {
	return fuse.Status(syscall.EOPNOTSUPP)
}

func (m *mounted) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.Blocks = 4096, uint64(m.disk.Size()/4096)
	return fuse.OK
}
