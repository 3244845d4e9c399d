package storage_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"github.com/galgo-mq/galgo/batch"
	"github.com/galgo-mq/galgo/storage"
)

// violation is a broken promise.
type violation string

func fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

// survival is what a batch or an offset has to survive.
type survival uint8

const (
	mayGo        survival = iota // nothing was promised
	survivesKill                 // the end of the process
	survivesAll                  // a power cut too
)

func promised(l storage.Level) survival {
	return [...]survival{storage.LevelMemory: mayGo, storage.LevelWritten: survivesKill, storage.LevelPersisted: survivesAll}[l]
}

type fate uint8

const (
	pending fate = iota // sent, not answered
	told                // answered with success, or seen after a recovery
	refused             // answered with an error: may be there or not, and must not be told
	dead                // a recovery went on without it: must never come back
)

// record is one batch that was sent to a log.
type record struct {
	uid    uint64
	frames []byte
	starts []int // of each frame, and the end
	ids    []recordID
	fate   fate
	base   storage.Offset
	ts     uint64 // when it was seen
	keep   survival
}

func (r *record) count() int           { return len(r.starts) - 1 }
func (r *record) next() storage.Offset { return r.base + storage.Offset(r.count()) }

// history is what a log was asked and what it told.
type history struct {
	info    logInfo
	owner   *node
	lowest  storage.Level // since the last recovery
	closing bool          // a delete began
	moving  bool          // to another shard
	leveled bool          // its level is changing
	lowered bool          // its level was below persisted once
	aside   bool          // fenced by recovery: what it has cannot be seen now
	least   survival
	moved   int // how often since the start

	sent    []*record // in order of sending
	visible []*record // told and not lost, in order of offsets
	maxTold storage.Offset
	start   storage.Offset // highest log start seen
	gaps    []storage.Gap
	offsets map[storage.ConsumerKey]*offsetHistory
	appends int          // not answered
	recent  [][]recordID // of batches that were sent, whatever became of them
}

func newHistory(i logInfo) *history {
	return &history{info: i, lowest: i.level, lowered: i.level < storage.LevelPersisted, offsets: map[storage.ConsumerKey]*offsetHistory{}}
}

// offsetHistory is what was stored for one consumer.
type offsetHistory struct{ writes []*offsetWrite }

type offsetWrite struct {
	value           storage.Offset
	deleted         bool
	sentAt, endedAt uint64 // world.tick; endedAt is math.MaxUint64 while unanswered
	failed, auto    bool
	keep            survival
}

func (h *history) offsetsOf(k storage.ConsumerKey) *offsetHistory {
	o := h.offsets[k]
	if o == nil {
		o = &offsetHistory{}
		h.offsets[k] = o
	}
	return o
}

// setLevel notes that the log has another level now: if it is higher, all that was told has it.
func (h *history) setLevel(l storage.Level) {
	h.info.level = l
	h.lowest = min(h.lowest, l)
	h.lowered = h.lowered || l < storage.LevelPersisted
	for _, r := range h.visible {
		r.keep = max(r.keep, promised(l))
	}
}

// takeSetting has a log that leaves its level to a setting take it, as a start does: it promises nothing of what was told before.
func (h *history) takeSetting(setting storage.Level) {
	if l := settingOf(h.info.id, setting); l != 0 {
		h.info.level = l
		h.lowered = h.lowered || l < storage.LevelPersisted
	}
}

// check says whether a consumer's offset may be what it is found to be, when writes of at least that survival count.
func (o *offsetHistory) check(value storage.Offset, found bool, least survival) bool {
	newest := uint64(0) // sending time of the newest write that must have happened
	for _, w := range o.writes {
		if !w.failed && !w.auto && w.endedAt != math.MaxUint64 && w.keep >= least {
			newest = max(newest, w.sentAt)
		}
	}
	if newest == 0 && !found {
		return true
	}
	for _, w := range o.writes {
		if w.endedAt >= newest && (w.deleted && !found || !w.deleted && found && w.value == value) {
			return true
		}
	}
	return false
}

// settle keeps only what was found.
func (o *offsetHistory) settle(value storage.Offset, found bool, tick uint64) {
	o.writes = append(o.writes[:0], &offsetWrite{value: value, deleted: !found, sentAt: tick, endedAt: tick, keep: survivesAll})
}

// end is one past the last visible offset.
func (h *history) end() storage.Offset {
	if k := len(h.visible); k > 0 {
		return h.visible[k-1].next()
	}
	return 0
}

// at returns the index of the visible record that holds o, or of the first one behind it.
func (h *history) at(o storage.Offset) int {
	return sort.Search(len(h.visible), func(i int) bool { return h.visible[i].next() > o })
}

// existing returns the first visible offset at or after o.
func (h *history) existing(o storage.Offset) (storage.Offset, bool) {
	i := h.at(o)
	if i == len(h.visible) {
		return 0, false
	}
	return max(o, h.visible[i].base), true
}

// back returns the n-th visible offset from the end among those below hw and not below start.
func (h *history) back(n uint64, hw, start storage.Offset) storage.Offset {
	for i := h.at(hw-1) + 1; i > 0; i-- {
		if i > len(h.visible) {
			continue
		}
		r := h.visible[i-1]
		if r.next() <= start {
			break
		}
		k := uint64(min(r.next(), hw) - r.base)
		if k >= n {
			return max(start, min(r.next(), hw)-storage.Offset(n))
		}
		n -= k
	}
	return start
}

// tell notes an acknowledged batch.
func (h *history) tell(r *record, base storage.Offset) {
	if r.fate != pending {
		fail("log %d: batch %d with fate %d was told", h.info.id, r.uid, r.fate)
	}
	if base < h.maxTold {
		fail("log %d: offset %d told twice: everything below %d was told before", h.info.id, base, h.maxTold)
	}
	r.fate, r.base, r.keep = told, base, promised(h.info.level)
	h.visible = append(h.visible, r)
	h.maxTold = r.next()
}

// piece is a batch, or a part of one, in a poll reply.
type piece struct {
	base   storage.Offset // of the batch
	first  int            // record of the batch that comes first
	count  int
	ts     uint64
	frames []byte
	tag    uint64
}

// pieces takes a poll reply apart.
func pieces(r *storage.Request) (list []piece) {
	var all []byte
	for i := range r.Spans {
		all = append(all, r.Spans[i].Data...)
	}
	if len(all) != r.Bytes {
		fail("poll says %d bytes, its spans have %d", r.Bytes, len(all))
	}
	var h batch.Hasher
	records := uint32(0)
	for len(all) > 0 {
		b, err := h.VerifySlice(all)
		if err != nil {
			fail("poll of log %d: %v in the reply", r.Log, err)
		}
		p := piece{base: b.BaseOffset(), count: b.Count(), ts: b.BaseTimestamp(), frames: b.Frames(), tag: b.PartitionID()}
		first, _ := batch.Next(b.Frames())
		p.first = int(first.OffsetDelta())
		list = append(list, p)
		records += uint32(p.count)
		all = all[len(b):]
	}
	if records != r.Records {
		fail("poll says %d records, its spans have %d", r.Records, records)
	}
	if len(list) > 0 && r.Base != list[0].base+storage.Offset(list[0].first) {
		fail("poll says base %d, its first record is %d", r.Base, list[0].base+storage.Offset(list[0].first))
	}
	return list
}

// match checks that p is a part of the record rec of the log.
func (h *history) match(p *piece, rec *record) {
	if p.tag != h.info.partitionTag {
		fail("log %d: a batch stamped for %d", h.info.id, p.tag)
	}
	if p.first+p.count > rec.count() || !bytes.Equal(p.frames, rec.frames[rec.starts[p.first]:rec.starts[p.first+p.count]]) {
		fail("log %d: records %d to %d at offset %d are not those of batch %d", h.info.id, p.first, p.first+p.count-1, p.base, rec.uid)
	}
	if rec.ts != 0 && rec.ts != p.ts {
		fail("log %d: batch %d had time %d, now %d", h.info.id, rec.uid, rec.ts, p.ts)
	}
	rec.ts = p.ts
}

// checkPoll compares a poll's answer with the history.
func (h *history) checkPoll(c *call) {
	if c.Err != nil {
		return
	}
	list := pieces(&c.Request)
	l := h.owner.s.Log(h.info.id)
	if l == nil {
		return // dropped meanwhile; where it began then is not known any more
	}
	startNow := l.Stats().Start
	if c.Records > c.Count {
		fail("log %d: poll of %d records answered %d", h.info.id, c.Count, c.Records)
	}
	if len(list) == 0 {
		h.checkEmpty(c, startNow)
		return
	}
	i := h.at(list[0].base)
	next := storage.Offset(0)
	for k := range list {
		p := &list[k]
		if i >= len(h.visible) || h.visible[i].base != p.base {
			fail("log %d: poll %d of %d from %d, in its piece %d of %d, shows a batch at %d that is not visible, or not next", h.info.id, c.Strategy, c.Count, c.from, k, len(list), p.base)
		}
		h.match(p, h.visible[i])
		if k > 0 && (p.first != 0 || next != h.visible[i-1].next()) {
			fail("log %d: poll skips records before %d", h.info.id, p.base)
		}
		next = p.base + storage.Offset(p.first+p.count)
		i++
	}
	h.checkFirst(c, list[0].base+storage.Offset(list[0].first), startNow)
}

// checkWhole checks that a poll has as much as was asked for, or all there is, unless the reply is full: then one for the last
// records has the newest, and any other no room for the next batch.
func (h *history) checkWhole(c *call) {
	l := h.owner.s.Log(h.info.id)
	list := pieces(&c.Request)
	if l == nil || len(list) == 0 || c.Records == c.Count || l.Stats().Start > c.start {
		return // retention may have overtaken it
	}
	end := list[len(list)-1].base + storage.Offset(list[len(list)-1].first+list[len(list)-1].count)
	next, more := h.existing(end)
	if !more || next >= c.hw {
		return
	}
	if c.Strategy == storage.FromLast {
		fail("log %d: poll for the last %d ends at %d, the newest was %d", h.info.id, c.Count, end-1, c.hw-1)
	}
	if c.refusals != c.node.reads.Refused() || len(c.Spans) >= storage.SpansMax-4 {
		return
	}
	r := h.visible[h.at(next)]
	if size := batch.HeaderSize + len(r.frames); c.Bytes+size <= c.BytesMax {
		fail("log %d: poll %d of %d records and %d bytes has %d of %d, and the batch at %d has only %d", h.info.id, c.Strategy, c.Count, c.BytesMax, c.Records, c.Bytes, next, size)
	}
}

// fits reports whether all visible records from one offset to another would have fitted into the reply.
func (h *history) fits(c *call, from, to storage.Offset) bool {
	bytes := 0
	for i := h.at(from); i < len(h.visible) && h.visible[i].base < to; i++ {
		bytes += batch.HeaderSize + len(h.visible[i].frames)
	}
	return bytes <= c.BytesMax && len(c.Spans) < storage.SpansMax-4
}

// checkEmpty checks that a poll without records had none to find.
func (h *history) checkEmpty(c *call, startNow storage.Offset) {
	from := max(c.from, startNow)
	if c.Strategy == storage.FromTimestamp {
		i := len(h.visible)
		for i > 0 && (h.visible[i-1].ts == 0 || h.visible[i-1].ts >= c.Value) {
			i--
		}
		for ; i < len(h.visible); i++ {
			if r := h.visible[i]; r.base >= startNow && r.next() <= c.hw && r.ts != 0 && r.ts >= c.Value {
				fail("log %d: poll by time %d found nothing, batch at %d has time %d", h.info.id, c.Value, r.base, r.ts)
			}
		}
		return
	}
	if o, ok := h.existing(from); ok && o < c.hw {
		fail("log %d: poll %d from %d found nothing, %d is there (visible to %d)", h.info.id, c.Strategy, from, o, c.hw)
	}
}

// checkFirst checks where a poll begins. Log start and high watermark may have moved while it ran.
func (h *history) checkFirst(c *call, first, startNow storage.Offset) {
	if c.Strategy == storage.FromTimestamp {
		i := h.at(first)
		if r := h.visible[i]; r.ts < c.Value || first != r.base {
			fail("log %d: poll by time %d begins at %d with time %d", h.info.id, c.Value, first, r.ts)
		}
		if i > 0 {
			if r := h.visible[i-1]; r.base >= startNow && r.ts >= c.Value {
				fail("log %d: poll by time %d begins at %d, the batch at %d has time %d", h.info.id, c.Value, first, r.base, r.ts)
			}
		}
		return
	}
	lo, ok := h.existing(max(c.from, c.start))
	if !ok {
		fail("log %d: poll from %d shows %d", h.info.id, c.from, first)
	}
	hi := lo
	for _, later := range []storage.Offset{startNow, c.to} {
		if o, ok := h.existing(later); ok && later > lo {
			hi = max(hi, o)
		} else if !ok {
			hi = max(hi, later) // all that was there before it may have been the first meanwhile
		}
	}
	if c.to == math.MaxUint64 {
		lo, hi = min(lo, first), max(hi, first) // the stored offset may have moved, or been deleted, while the poll waited
	}
	full := c.Strategy == storage.FromLast && (c.unsound || !h.fits(c, lo, c.Last+1))
	if first < lo || first > hi && !full {
		fail("log %d: poll %d of %d records and %d bytes from %d begins at %d, want %d to %d; it has %d records, %d bytes, %d pieces", h.info.id, c.Strategy, c.Count, c.BytesMax, c.from, first, lo, hi, c.Records, c.Bytes, len(c.Spans))
	}
}

// uidOf reads the number of a batch out of its first payload.
func uidOf(frames []byte) (id storage.LogID, uid uint64, ok bool) {
	r, _ := batch.Next(frames)
	p := r.Payload()
	if len(p) < 16 {
		return 0, 0, false
	}
	return storage.LogID(binary.LittleEndian.Uint64(p)), binary.LittleEndian.Uint64(p[8:]), true
}

// recovered compares what a recovery found, batch by batch from the log start on, with what must have survived.
func (h *history) recovered(found []piece, st *storage.LogState, least survival) {
	id := h.info.id
	if st.Next < h.maxTold {
		fail("log %d: goes on at %d, offsets up to %d were told", id, st.Next, h.maxTold-1)
	}
	if st.Start < h.start {
		fail("log %d: starts at %d, it was seen to start at %d", id, st.Start, h.start)
	}
	h.start = st.Start
	var seen []*record
	at := 0
	for i := range found {
		p := &found[i]
		if p.first != 0 {
			fail("log %d: the log begins with record %d of a batch", id, p.first)
		}
		log, uid, ok := uidOf(p.frames)
		if !ok || log != id {
			fail("log %d: holds a batch of log %d", id, log)
		}
		for at < len(h.sent) && h.sent[at].uid != uid {
			at++
		}
		if at == len(h.sent) {
			fail("log %d: batch %d at offset %d is out of order", id, uid, p.base)
		}
		rec := h.sent[at]
		at++
		if rec.fate == dead {
			fail("log %d: batch %d at offset %d came back from the dead", id, uid, p.base)
		}
		if h.info.dedupCount > 0 && rec.fate != told {
			h.resolve(rec, p.frames)
		}
		if p.count != rec.count() {
			fail("log %d: batch %d has %d of %d records", id, uid, p.count, rec.count())
		}
		h.match(p, rec)
		if rec.fate == told && rec.base != p.base {
			fail("log %d: batch %d was told at %d and lies at %d", id, uid, rec.base, p.base)
		}
		if rec.fate != told && p.base < h.maxTold {
			fail("log %d: batch %d, not acknowledged, has offset %d; %d were told", id, uid, p.base, h.maxTold)
		}
		rec.base = p.base
		seen = append(seen, rec)
	}
	h.compare(seen, st, least)
	if h.info.dedupCount > 0 {
		h.checkUnique(seen)
	}
	if h.info.level == storage.LevelPersisted && !h.lowered {
		h.checkDense(seen)
	}
	h.maxTold = max(h.maxTold, st.Next)
}

// compare looks for what is missing, and makes what was found the history.
func (h *history) compare(seen []*record, st *storage.LogState, least survival) {
	in := map[*record]bool{}
	for _, r := range seen {
		in[r] = true
	}
	lost := false
	for _, r := range h.sent {
		switch {
		case in[r] && lost:
			fail("log %d: batch %d is there, one before it is lost", h.info.id, r.uid)
		case in[r]:
			r.fate, r.keep = told, survivesAll
		case r.fate == told && r.base >= st.Start:
			if r.keep >= least {
				fail("log %d: batch %d at %d to %d, acknowledged at %v, is lost", h.info.id, r.uid, r.base, r.next()-1, h.info.level)
			}
			lost = true
			r.fate = dead
		case r.fate == told: // below the log start
		default:
			r.fate = dead
		}
	}
	h.visible = append(h.visible[:0], seen...)
	h.sent = append(h.sent[:0], seen...)
}

// checkDense checks that a log whose every message is persisted has no gap in its offsets.
func (h *history) checkDense(seen []*record) {
	for i := 1; i < len(seen); i++ {
		if seen[i].base != seen[i-1].next() {
			fail("log %d: offset %d follows %d", h.info.id, seen[i].base, seen[i-1].next()-1)
		}
	}
}
