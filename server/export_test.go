package server

// DirectJournals counts the journal files that are written around the page cache.
func (s *Server) DirectJournals() (direct, files int) {
	for _, j := range s.dir.recovered.Journals {
		for _, f := range j {
			if files++; f.Direct != f.FD {
				direct++
			}
		}
	}
	return direct, files
}

// HolderEnds reports whether the lock of a directory is taken for one whose holder has ended.
func HolderEnds(fd int32, dir string) bool {
	_, state := holderOf(fd, dir)
	return state == holderEnding
}
