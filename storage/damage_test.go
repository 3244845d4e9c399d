package storage_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/storage"
)

// TestDamageIsReportedAndNeverServed changes bytes of a directory that was left in order. Whatever they are, no record is
// served that was not sent, none is missing without an error, a gap or a fence that says so, no offset is given out again,
// and what is not damaged can be read and appended to.
func TestDamageIsReportedAndNeverServed(t *testing.T) {
	sweepOf(t, 40, func(seed uint64, trace func(string, ...any)) (*world, error) {
		return play(seed, func(w *world) { w.opt.crashEvery = 150 }, trace, func(w *world) {
			w.restart()
			for range 150 {
				w.step()
			}
			w.stop()
			w.disk.PowerCut()
			w.forget()
			w.damage()
			if end := w.recover(1 + w.rng.IntN(3)); end != recovered {
				if err := w.recoveryErr; !errors.Is(err, storage.ErrDamaged) && !strings.Contains(err.Error(), "metadata command") && !versionFlipped.MatchString(err.Error()) {
					fail("recovery of a damaged directory: %v", err)
				}
				return
			}
			w.adoptDamaged()
		})
	})
}

// versionFlipped is what is said of a state file without logs one of whose lower version bits is flipped: nothing tells it from a newer one.
var versionFlipped = regexp.MustCompile(`state file has format version (7|11|19),`)

// TestADamagedLogTableIsMissed: a start that lacks what laps rely on says so; with the loss accepted logs are followed through their segments,
// and no offset is given out again.
func TestADamagedLogTableIsMissed(t *testing.T) {
	refused, names := 0, 0
	sweepOf(t, 40, func(seed uint64, trace func(string, ...any)) (*world, error) {
		return play(seed, func(w *world) {
			narrow(w)
			w.opt.crashEvery = 1000
		}, trace, func(w *world) {
			w.restart()
			for range 250 {
				w.step()
			}
			if w.rng.IntN(2) == 0 {
				w.stop()
				w.disk.PowerCut()
				w.forget()
			} else {
				w.settle()
				w.crash()
			}
			files := w.disk.Files(".logs")
			if len(files) == 0 {
				return
			}
			w.damage(".logs")
			shards := 1 + w.rng.IntN(3)
			end := w.recover(shards)
			if end != recovered {
				if err := w.recoveryErr; !errors.Is(err, storage.ErrDamaged) || !strings.Contains(err.Error(), "--accept-loss") {
					fail("recovery of a directory with a damaged log table: %v", err)
				}
				refused++
				if strings.Contains(w.recoveryErr.Error(), ".logs has ") {
					names++
				}
				w.opt.acceptLoss = true
				if end = w.recover(shards); end != recovered {
					fail("with the loss accepted: %v", w.recoveryErr)
				}
			}
			w.opt.narrow = false
			w.adoptDamaged()
		})
	})
	if refused < 5 || names != refused {
		t.Errorf("%d starts were refused, %d said what is missing: the test tests nothing", refused, names)
	}
}

// damage changes one file.
func (w *world) damage(kinds ...string) {
	if len(kinds) == 0 {
		kinds = []string{".journal", ".segment", ".segment", ".segment", ".state", storage.SuperblockName}
	}
	files := w.disk.Files(kinds[w.rng.IntN(len(kinds))])
	if len(files) == 0 {
		return
	}
	path := files[w.rng.IntN(len(files))]
	w.damaged = true
	w.disk.Damage(path, func(p []byte) []byte {
		if len(p) == 0 {
			return p
		}
		at := w.rng.IntN(len(p))
		if w.rng.IntN(2) == 0 { // where something is
			for k := 0; k < 50 && p[at] == 0; k++ {
				at = w.rng.IntN(len(p))
			}
		}
		if written := len(bytes.TrimRight(p, "\x00")); written > 0 && strings.HasSuffix(path, ".logs") { // most of it is space for more
			at %= written
		}
		switch w.rng.IntN(5) {
		case 0, 1:
			w.trace("%s: bit of byte %d flipped", path, at)
			p[at] ^= 1 << w.rng.IntN(8)
		case 2:
			at &^= 4095
			w.trace("%s: block at %d zeroed", path, at)
			clear(p[at:min(len(p), at+4096)])
		case 3:
			at &^= 511
			w.trace("%s: sector at %d is garbage", path, at)
			for i := at; i < min(len(p), at+512); i++ {
				p[i] = byte(w.rng.Uint32())
			}
		case 4:
			w.trace("%s: cut at %d of %d", path, at, len(p))
			p = p[:at]
		}
		return p
	})
}

// adoptDamaged looks at every log that is left.
func (w *world) adoptDamaged() {
	w.open()
	m, err := metaFrom(w.rec.Meta.Snapshot)
	if err != nil {
		fail("metadata: %v", err)
	}
	w.meta = m
	w.running = true
	for _, st := range w.rec.Logs {
		h := w.byID[st.ID]
		if h == nil {
			fail("log %d is unknown", st.ID)
		}
		h.owner = w.nodes[w.rng.IntN(len(w.nodes))]
		h.owner.s.AdoptLog(h.info.config(), st)
		h.closing = false
		h.aside = st.Fence != ""
		w.readDamaged(h, st)
		if st.Fence == "" {
			w.appendDamaged(h, st)
		}
	}
}

// readDamaged reads what is there, offset by offset where it has to.
func (w *world) readDamaged(h *history, st *storage.LogState) {
	id := h.info.id
	h.start = st.Start
	gone := func(o storage.Offset) bool { // and it was said
		for _, g := range st.Gaps {
			if g.From <= o && o < g.To {
				return true
			}
		}
		return st.Fence != "" && o >= st.Next
	}
	if st.Fence == "" && st.Next < h.maxTold {
		fail("log %d goes on at %d, offsets up to %d were told", id, st.Next, h.maxTold-1)
	}
	for i := h.at(st.Start); i < len(h.visible); {
		r := h.visible[i]
		if r.base < st.Start || gone(r.base) {
			i++
			continue
		}
		c := w.newCall(h, storage.ReqPoll)
		c.Strategy, c.Value, c.Count, c.BytesMax = storage.FromOffset, uint64(r.base), 1<<20, 1+w.rng.IntN(200<<10)
		w.running = false // the answer is looked at here
		w.send(c)
		w.await(c)
		w.running = true
		if c.Err != nil {
			if !errors.Is(c.Err, storage.ErrDamaged) && !errors.Is(c.Err, storage.ErrFenced) {
				fail("log %d: poll from %d: %v", id, r.base, c.Err)
			}
			w.trace("log %d: offset %d: %v", id, r.base, c.Err)
			w.stats.refused++
			i++
			continue
		}
		list := pieces(&c.Request)
		if len(list) == 0 || list[0].base != r.base {
			fail("log %d: nothing, and no error, at offset %d: %d batches, state %+v", id, r.base, len(list), st)
		}
		for k := range list {
			if i+k >= len(h.visible) || h.visible[i+k].base != list[k].base {
				fail("log %d: a batch at %d that was never there", id, list[k].base)
			}
			h.match(&list[k], h.visible[i+k])
		}
		i += len(list)
		h.owner.s.Release(&c.Request)
	}
}

// appendDamaged checks that the log goes on.
func (w *world) appendDamaged(h *history, st *storage.LogState) {
	h.maxTold = max(h.maxTold, st.Next)
	c := w.newCall(h, storage.ReqAppend)
	c.record, c.Batch = w.newBatch(h, 3000)
	w.send(c)
	w.await(c)
	if h.info.dedupCount > 0 && (c.Err == nil || errors.Is(c.Err, storage.ErrDamaged)) {
		return // it may have that batch already; or it can't read its window, and does not know what it has
	}
	if c.Err != nil {
		fail("log %d is not fenced and refuses: %v", h.info.id, c.Err)
	}
	p := w.newCall(h, storage.ReqPoll)
	p.Strategy, p.Value, p.Count, p.BytesMax = storage.FromOffset, uint64(c.Base), 10, 1<<20
	w.running = false
	w.send(p)
	w.await(p)
	w.running = true
	list := pieces(&p.Request)
	if p.Err != nil || len(list) != 1 {
		fail("log %d: poll of what was appended after damage: %v, %d batches", h.info.id, p.Err, len(list))
	}
	h.match(&list[0], c.record)
	h.owner.s.Release(&p.Request)
}
