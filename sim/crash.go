package sim

import "github.com/galgo-mq/galgo/storage"

// Kill ends the process: its descriptors close, what the page cache holds stays. Operations in flight have happened,
// or not, or, if they are writes, in part. They are over when Kill returns: a lock that outlives them is taken for
// granted.
func (d *Disk) Kill() {
	d.land()
	for fd := range d.fds {
		d.fds[fd] = nil
	}
}

// PowerCut ends the process and loses what was not on stable storage: by chance, each sector and each name alone.
func (d *Disk) PowerCut() {
	d.Kill()
	d.boot++
	d.root.lose(d.rng, d.chance(), d.chance())
}

// chance is a probability: often one of the extremes.
func (d *Disk) chance() float64 { return []float64{0, 0, 0.1, 0.5, 0.9, 1}[d.rng.IntN(6)] }

// land lets chance decide what becomes of the operations in flight.
func (d *Disk) land() {
	flights := d.flights
	d.flights = nil
	d.rng.Shuffle(len(flights), func(i, j int) { flights[i], flights[j] = flights[j], flights[i] })
	p := d.chance()
	for _, f := range flights {
		switch {
		case f.done || f.op.Kind == storage.OpRead:
		case d.rng.Float64() < p:
			f.op.DSync = f.op.DSync && d.rng.IntN(2) == 0
			_, _ = d.execute(f)
		case f.op.Kind == storage.OpWrite && d.rng.IntN(2) == 0:
			d.tear(f, d.chance())
		}
	}
}

// Crash is what a blocking operation panics with when CrashIn's time has come.
type Crash struct{}

// CrashIn makes the n-th next blocking operation panic with Crash, in flight; Kill or PowerCut then decides what became of
// it. 0: none.
func (d *Disk) CrashIn(n int) { d.crashIn = n }
