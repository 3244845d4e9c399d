package machine

import "golang.org/x/sys/unix"

// RaiseLimits takes what is freely given: the soft limits of descriptors and of locked memory go up to the hard ones.
// It returns how many descriptors may be open then. Nothing that fails here keeps a server from running.
func RaiseLimits() (descriptors uint64) {
	raise(unix.RLIMIT_MEMLOCK) // rings and registered buffers count on older kernels
	return raise(unix.RLIMIT_NOFILE)
}

func raise(resource int) uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(resource, &r) != nil {
		return 0
	}
	if r.Cur < r.Max {
		to := unix.Rlimit{Cur: r.Max, Max: r.Max}
		if unix.Setrlimit(resource, &to) == nil {
			r = to
		}
	}
	return r.Cur
}
