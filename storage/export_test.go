package storage

// OpsInFlight counts operations asked for and not yet completed.
func (s *Store) OpsInFlight() int { return s.ops.inFlight }
