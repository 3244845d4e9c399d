package storage

import (
	"errors"
	"fmt"
)

// Files of retired logs are removed in the background: a few logs at a time, one operation of each, so that the deletion of ten
// thousand logs neither fills the kernel's queues, where a killed process would wait for all of it, nor takes memory. What is left at
// the end is removed after the next start, which finds the log ids in the metadata.
//
//	list the directory -> unlink one name after the other -> remove the directory -> sync the directory above, once for many

const (
	removalsMax = 8   // logs whose files are being removed
	syncedMax   = 256 // logs of one directory sync
)

// removal is a retired log whose files go.
type removal struct {
	id    LogID
	done  func(id LogID, err error)
	names []string // that are left
	next  *removal
}

// removals are all of a store.
type removals struct {
	ops         *operations
	dir         string   // data directory
	first, last *removal // wait for their turn
	active      int
	gone        []*removal // whose directories are gone, and the one above is not synced
	syncing     bool
}

// Drop forgets a closed log whose retirement is committed, if the store has it, and removes its files. done is called with nil when
// they are gone and their directory is synced; otherwise they are tried again at the next start.
func (s *Store) Drop(id LogID, done func(id LogID, err error)) {
	if l := s.logs.byID[id]; l != nil {
		if !l.closed {
			panic(fmt.Sprintf("BUG: log %d dropped while it is open", id))
		}
		s.space.drop(l)
		l.tail.drop(&s.chunks, nil)
		for _, g := range l.segs.list {
			g.leave()
		}
		l.segs.list, l.segs.described = nil, 0
		s.forget(l)
	}
	if plantedForeignData {
		done(id, nil)
		return
	}
	s.removals.add(&removal{id: id, done: done})
}

// Removing reports whether files of retired logs are left to be removed.
func (s *Store) Removing() bool {
	q := &s.removals
	return q.first != nil || q.active > 0 || len(q.gone) > 0 || q.syncing
}

func (q *removals) add(r *removal) {
	if q.last == nil {
		q.first, q.last = r, r
	} else {
		q.last.next, q.last = r, r
	}
}

// goOn begins with the files of further logs, as far as few are being removed, and has the directory synced. It runs at the end of every
// turn; an orderly end begins nothing more.
func (q *removals) goOn() {
	for q.first != nil && (q.active < removalsMax || plantedRemovalsAtOnce) {
		r := q.first
		if q.first = r.next; q.first == nil {
			q.last = nil
		}
		r.next = nil
		q.active++
		q.ops.issue(Op{Kind: OpList, Path: LogDir(q.dir, r.id)}, pendingOp{done: removalListed, removal: r})
	}
	if !q.syncing && len(q.gone) > 0 && (len(q.gone) >= syncedMax || q.active == 0) {
		q.syncing = true
		list := q.gone
		q.gone = nil
		q.ops.issue(Op{Kind: OpSyncDir, Path: logsDir(q.dir)}, pendingOp{done: func(s *Store, _ *pendingOp, _ int64, err error) {
			s.removals.syncing = false
			for _, r := range list {
				r.done(r.id, err)
			}
		}})
	}
}

func removalListed(s *Store, p *pendingOp, _ int64, err error) {
	p.removal.names, s.ops.names = s.ops.names, nil
	switch {
	case notExist(err):
		s.removals.end(p.removal, nil) // its removal may not be synced
	case err != nil:
		s.removals.end(p.removal, err)
	default:
		s.removals.next(p.removal, s.ending)
	}
}

// next removes the next name of a log's directory, and then the directory.
func (q *removals) next(r *removal, ending bool) {
	if ending {
		q.end(r, errEnding)
		return
	}
	k := len(r.names) - 1
	if k < 0 {
		q.ops.issue(Op{Kind: OpRmdir, Path: LogDir(q.dir, r.id)}, pendingOp{removal: r, done: func(s *Store, p *pendingOp, _ int64, err error) {
			if notExist(err) {
				err = nil
			}
			s.removals.end(p.removal, err)
		}})
		return
	}
	path := LogDir(q.dir, r.id) + "/" + r.names[k]
	r.names = r.names[:k]
	q.ops.issue(Op{Kind: OpUnlink, Path: path}, pendingOp{removal: r, done: func(s *Store, p *pendingOp, _ int64, err error) {
		if err != nil && !notExist(err) {
			s.removals.end(p.removal, err)
			return
		}
		s.removals.next(p.removal, s.ending)
	}})
}

// errEnding: the store ends; what is left is removed after the next start.
var errEnding = errors.New("storage: the server ends")

// end ends a removal.
func (q *removals) end(r *removal, err error) {
	q.active--
	switch {
	case errors.Is(err, errEnding):
	case err != nil:
		r.done(r.id, fmt.Errorf("remove files of log %d: %w", r.id, err))
	default:
		q.gone = append(q.gone, r)
	}
}
