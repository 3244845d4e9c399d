package storage

// rounds go through all logs, some in each turn, for what concerns all.
type rounds struct {
	sweep       cursor
	sweeping    bool // long tails are to be written out
	squeezed    cursor
	squeezeLeft int // so many logs may squeeze look at in this turn
	end         cursor
	endPaused   bool // in this turn: the next step is for the next one, and waits for nothing else
	fenced      *Log // met on the way to an orderly end
}

// flushTail writes the whole blocks of the tail of l if it is longer than n bytes.
func flushTail(l *Log, n Pos) {
	seg, c := l.segs.active(), l.tail.last()
	if seg == nil || c == nil || l.fenced != nil {
		return
	}
	if to := alignDown(seg.end); to-l.tail.flushed >= n {
		l.write(l.tail.write(&l.s.chunks, c, to))
	}
}

// sweepTails goes on with writing long tails out, so that the next lap is small.
func (r *rounds) sweepTails(v *places, left int) {
	for r.sweeping && left > 0 {
		l, end := r.sweep.next(v, &left)
		if r.sweeping = !end; l != nil {
			flushTail(l, carryTailMax)
		}
	}
}

// squeeze has tails written out, with their last block padded, so that n bytes can be evicted soon. The logs take turns.
func (r *rounds) squeeze(v *places, n int) {
	for coming, ends := 0, 0; coming < n && ends < 2; {
		l, end := r.squeezed.next(v, &r.squeezeLeft)
		if l == nil && !end {
			return
		}
		if end {
			ends++
			continue
		}
		c := l.tail.last()
		if c == nil || l.fenced != nil || c.listed {
			continue
		}
		l.pad()
		for k := len(l.tail.chunks); k > 0 && !l.tail.chunks[k-1].listed; k-- {
			coming += len(l.tail.chunks[k-1].buf)
		}
	}
}

// allEnded reports whether no append of any log is being written; there are no new ones. fenced is a log that failed, if one did.
func (r *rounds) allEnded(v *places, left int) (ended bool, fenced *Log) {
	for left > 0 {
		l, end := r.end.next(v, &left)
		switch {
		case end:
			fenced, r.fenced = r.fenced, nil
			return true, fenced
		case l == nil:
		case l.fenced != nil:
			r.fenced = l
		case l.pend.len() > 0: // what was told at LevelMemory is still being written
			r.end.at--
			return false, nil
		}
	}
	r.endPaused = true
	return false, nil
}
