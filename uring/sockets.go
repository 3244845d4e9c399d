package uring

import "golang.org/x/sys/unix"

// sockets are those of the kernel, for both backends.
type sockets struct{}

// PeerName implements Sockets.
func (sockets) PeerName(fd int32) string {
	sa, err := unix.Getpeername(int(fd))
	if err != nil {
		return "unknown"
	}
	return addrText(sa)
}

// LocalName implements Sockets.
func (sockets) LocalName(fd int32) string {
	sa, err := unix.Getsockname(int(fd))
	if err != nil {
		return ""
	}
	return addrText(sa)
}

// SetNoDelay implements Sockets.
func (sockets) SetNoDelay(fd int32) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// Acknowledged implements Sockets.
func (sockets) Acknowledged(fd int32) uint64 {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return info.Bytes_acked
}

// QuickAck implements Sockets.
func (sockets) QuickAck(fd int32) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) // not TCP: nothing to hurry
}
