package machine

import "golang.org/x/sys/unix"

// RaiseLimits takes what is freely given: the soft limits of descriptors and of locked memory go up to the hard ones.
// Nothing that fails here keeps a server from running.
func RaiseLimits() {
	raise(unix.RLIMIT_MEMLOCK) // rings and registered buffers count on older kernels
	raise(unix.RLIMIT_NOFILE)
}

func raise(resource int) {
	var r unix.Rlimit
	if unix.Getrlimit(resource, &r) != nil || r.Cur >= r.Max {
		return
	}
	_ = unix.Setrlimit(resource, &unix.Rlimit{Cur: r.Max, Max: r.Max})
}
