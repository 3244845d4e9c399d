package uring

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ListenTCP binds and listens on host:port, as BindTCP and Listen do.
func ListenTCP(address string, backlog int) (fd int32, bound string, err error) {
	if fd, bound, err = BindTCP(address); err != nil {
		return -1, "", err
	}
	if err := Listen(fd, address, backlog); err != nil {
		_ = unix.Close(int(fd))
		return -1, "", err
	}
	return fd, bound, nil
}

// Listen has a bound socket take connections.
func Listen(fd int32, address string, backlog int) error {
	if err := unix.Listen(int(fd), backlog); err != nil {
		return fmt.Errorf("listen on %s: %w", address, explainListen(err))
	}
	return nil
}

// KeepAlive is how a TCP connection finds out that its peer is gone. Zeroes leave to the kernel what it does by itself.
type KeepAlive struct {
	Idle, Interval time.Duration // probes begin after so long without a byte, and follow at this interval
	UserTimeout    time.Duration // what was sent, or probed, and is not acknowledged for so long ends the connection
}

// SetKeepAlive sets it on a socket, or on a listening one for all that it will accept.
func SetKeepAlive(fd int32, k KeepAlive) error {
	seconds := func(d time.Duration) int { return int(max(1, (d+time.Second/2)/time.Second)) }
	set := func(name string, level, option, value int, err error) error {
		if err == nil {
			if err = unix.SetsockoptInt(int(fd), level, option, value); err != nil {
				err = fmt.Errorf("set %s: %w", name, err)
			}
		}
		return err
	}
	var err error
	if k.Idle > 0 {
		err = set("SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1, err)
		err = set("TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(k.Idle), err)
	}
	if k.Interval > 0 {
		err = set("TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(k.Interval), err)
	}
	if k.UserTimeout > 0 {
		err = set("TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(k.UserTimeout/time.Millisecond), err)
	}
	return err
}

// BindTCP binds host:port; port 0 picks a free one. It returns the descriptor, non-blocking and close-on-exec, and the address
// really bound.
func BindTCP(address string) (fd int32, bound string, err error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return -1, "", fmt.Errorf("listen on %s: %w", address, err)
	}
	sa, family := sockaddr(a)
	n, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", fmt.Errorf("listen on %s: socket: %w", address, err)
	}
	err = unix.SetsockoptInt(n, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil && a.IP == nil {
		_ = unix.SetsockoptInt(n, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if err == nil {
		err = unix.Bind(n, sa)
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(n)
	}
	if err != nil {
		_ = unix.Close(n)
		return -1, "", fmt.Errorf("listen on %s: %w", address, explainListen(err))
	}
	return int32(n), addrText(name), nil
}

// explainListen adds to a refused address what the operator can do about it.
func explainListen(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: stop the process that listens there, or give another address (tcp.address)", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: give one that this machine has (tcp.address)", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: a port below 1024 takes root or CAP_NET_BIND_SERVICE; give another (tcp.address)", err)
	}
	return err
}

// sockaddr says the same in the kernel's words; no address at all means every address of both families.
func sockaddr(a *net.TCPAddr) (unix.Sockaddr, int) {
	if ip := a.IP.To4(); ip != nil {
		return &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}, unix.AF_INET
	}
	sa := &unix.SockaddrInet6{Port: a.Port}
	if a.IP != nil {
		sa.Addr = [16]byte(a.IP.To16())
	}
	if a.Zone != "" {
		if i, err := net.InterfaceByName(a.Zone); err == nil {
			sa.ZoneId = uint32(i.Index)
		}
	}
	return sa, unix.AF_INET6
}

func addrText(sa unix.Sockaddr) string {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)).String()
	}
	return "unknown"
}

// PinThread binds the calling thread to one CPU. The caller has locked its goroutine to the thread.
func PinThread(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(0, &set)
}

// StatFS reports the bytes that the filesystem of path has in all, and free for us.
func StatFS(path string) (total, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", path, err)
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, nil
}

// CopiesOnWrite reports whether the filesystem writes what is overwritten to another place.
func CopiesOnWrite(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && uint32(st.Type) == unix.BTRFS_SUPER_MAGIC
}

// MayCopyOnWrite reports whether the filesystem may write what is overwritten to another place: it always does, or after a snapshot or a
// copy of the file that shares its blocks.
func MayCopyOnWrite(path string) bool {
	const zfs, bcachefs = 0x2fc12fc1, 0xca451a4e
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return false
	}
	switch uint32(st.Type) {
	case unix.BTRFS_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, zfs, bcachefs:
		return true
	}
	return false
}

// Shared reports whether a snapshot, or another file, has blocks of the file too: its removal gives these back to nobody.
func Shared(path string) (bool, error) {
	const (
		fiemap     = 0xc020660b // FS_IOC_FIEMAP of linux/fs.h, and what belongs to it, of linux/fiemap.h
		extents    = 64
		lastExtent = 0x1
		shared     = 0x2000
	)
	type extent struct {
		logical, physical, length uint64
		_                         [2]uint64
		flags                     uint32
		_                         [3]uint32
	}
	type request struct {
		start, length       uint64
		flags, mapped, room uint32
		_                   uint32
		extents             [extents]extent
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	for from := uint64(0); ; {
		q := &request{start: from, length: ^uint64(0) - from, room: extents}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), fiemap, uintptr(unsafe.Pointer(q))); errno != 0 {
			return false, errno
		}
		for _, e := range q.extents[:q.mapped] {
			if e.flags&shared != 0 {
				return true, nil
			}
			if from = e.logical + e.length; e.flags&lastExtent != 0 {
				return false, nil
			}
		}
		if q.mapped == 0 {
			return false, nil
		}
	}
}

// Commit has the filesystem of fd write down all that was done so far, the removal of files included.
func Commit(fd int32) error { return unix.Syncfs(int(fd)) }

// KeepInPlace has the filesystem write a file, or all files that are made in a directory from now on, where it is, and not each time to
// another place: what is overwritten needs no room then. It does something on btrfs only, to an empty file or to a directory.
func KeepInPlace(path string) error {
	if !CopiesOnWrite(path) {
		return nil
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const noCow = 0x00800000 // FS_NOCOW_FL of linux/fs.h
	flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
	if err != nil || flags&noCow != 0 {
		return err
	}
	return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, flags|noCow)
}

// BootID names this boot of the machine.
func BootID() (string, error) {
	p, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("boot id: %w", err)
	}
	return strings.TrimSpace(string(p)), nil
}

// statxMountIDUnique asks for a mount id that is not used again (Linux 6.8); older kernels give the short one.
const statxMountIDUnique = 0x4000

// MountID names the mount that path is on. A filesystem that was mounted anew has another one, as far as the kernel
// tells.
func MountID(path string) (uint64, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, statxMountIDUnique|unix.STATX_MNT_ID, &st)
	if err != nil {
		return 0, fmt.Errorf("mount id of %s: %w", path, err)
	}
	return st.Mnt_id, nil
}

// Flock takes the exclusive lock of an open file, or fails with EWOULDBLOCK.
func Flock(fd int32) error {
	for {
		if err := unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// IsDirect reports whether the descriptor bypasses the page cache.
func IsDirect(fd int32) (bool, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return flags&unix.O_DIRECT != 0, err
}

// OpenFlags are those of a file that is read and written: made if it is not there, and around the page cache.
func OpenFlags(create, direct bool) int32 {
	flags := int32(unix.O_RDWR)
	if create {
		flags |= unix.O_CREAT
	}
	if direct {
		flags |= unix.O_DIRECT
	}
	return flags
}

// OpenMode is what OpenFlags was given.
func OpenMode(flags int32) (create, direct bool) {
	return flags&unix.O_CREAT != 0, flags&unix.O_DIRECT != 0
}
