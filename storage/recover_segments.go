package storage

// segmentFiles are the segment files of one log while it is recovered. Nothing is read of a file that is not asked for.
type segmentFiles struct {
	d      Disk
	dir    string
	log    LogID
	fds    map[SegmentID]int32
	direct *openSegment        // the last one read around the page cache
	sizes  map[SegmentID]int64 // as they were found; 0: there is none
}

type openSegment struct {
	id SegmentID
	fd int32
}

func newSegmentFiles(d Disk, dir string, log LogID) segmentFiles {
	return segmentFiles{d: d, dir: dir, log: log, fds: map[SegmentID]int32{}, sizes: map[SegmentID]int64{}}
}

func (f *segmentFiles) path(id SegmentID) string { return SegmentPath(f.dir, f.log, id) }

// open opens a segment for reads through the page cache, and for writes.
func (f *segmentFiles) open(id SegmentID) (int32, error) {
	if fd, ok := f.fds[id]; ok {
		return fd, nil
	}
	fd, err := f.d.Open(f.path(id), false, false)
	if err == nil {
		f.fds[id] = fd
	}
	return fd, err
}

// openDirect opens a segment for reads around the page cache. One is open at a time.
func (f *segmentFiles) openDirect(id SegmentID) (int32, error) {
	if f.direct != nil && f.direct.id == id {
		return f.direct.fd, nil
	}
	fd, err := f.d.Open(f.path(id), false, true)
	if err != nil {
		return fd, err
	}
	f.closeDirect()
	f.direct = &openSegment{id, fd}
	return fd, nil
}

func (f *segmentFiles) closeDirect() {
	if f.direct != nil {
		f.d.Close(f.direct.fd)
		f.direct = nil
	}
}

func (f *segmentFiles) close() {
	f.closeDirect()
	for _, fd := range f.fds {
		f.d.Close(fd)
	}
}

// size is what a segment's file has now.
func (f *segmentFiles) size(id SegmentID) (int64, error) { return f.d.Size(f.path(id)) }

// found is what a segment's file had when it was first asked for; 0: it was not there.
func (f *segmentFiles) found(id SegmentID) (int64, error) {
	size, ok := f.sizes[id]
	if !ok {
		var err error
		if size, err = f.size(id); err != nil && !notExist(err) {
			return 0, err
		}
		f.sizes[id] = size
	}
	return size, nil
}

// list gives the names in the log's directory; none if that is not there.
func (f *segmentFiles) list() ([]string, error) {
	names, err := f.d.List(LogDir(f.dir, f.log))
	if notExist(err) {
		return nil, nil
	}
	return names, err
}

// onDisk lists the segment files with their sizes.
func (f *segmentFiles) onDisk() (map[SegmentID]int64, error) {
	names, err := f.list()
	if err != nil {
		return nil, err
	}
	m := map[SegmentID]int64{}
	for _, n := range names {
		id, ok := parseSegmentName(n)
		if !ok {
			continue
		}
		if m[id], err = f.size(id); err != nil {
			return nil, err
		}
	}
	return m, nil
}
