package sim

import "github.com/galgo-mq/galgo/storage"

// What follows lets a test decide what chance decides otherwise.

// Flights lists the operations in flight, oldest first.
func (d *Disk) Flights() []storage.Op {
	ops := make([]storage.Op, len(d.flights))
	for i, f := range d.flights {
		ops[i] = f.op
	}
	return ops
}

// PathOf names the file that a descriptor is open on, or returns "".
func (d *Disk) PathOf(fd int32) string {
	h, err := d.handle(fd)
	if err != nil {
		return ""
	}
	return h.path
}

// CompleteAt executes the i-th operation in flight and returns its completion.
func (d *Disk) CompleteAt(i int) Completion {
	f := d.flights[i]
	d.flights = append(d.flights[:i:i], d.flights[i+1:]...)
	return d.finish(f)
}

// LoseAt drops the i-th operation in flight as if the kernel had never begun it. An inline write has been done.
func (d *Disk) LoseAt(i int) { d.flights = append(d.flights[:i:i], d.flights[i+1:]...) }

// TearAt does the first k sectors of the i-th operation in flight, a write, and drops the rest.
func (d *Disk) TearAt(i, k int) {
	f := d.flights[i]
	d.LoseAt(i)
	n := min(len(f.op.Buf), k*sectorSize)
	d.seq++
	f.node.file.write(f.op.Pos, f.op.Buf[:n], true, d.seq)
}

// LosePower is a power cut that keeps exactly what is on stable storage. Operations in flight have not happened.
func (d *Disk) LosePower() {
	d.flights = nil
	for fd := range d.fds {
		d.fds[fd] = nil
	}
	d.boot++
	d.root.lose(d.rng, 0, 0)
}
