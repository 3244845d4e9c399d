package shard

// Post has f run on the shard's thread in its next turn. Any goroutine may call it.
func (s *Shard) Post(f func(s *Shard)) { s.inbox.Post(f, s.io) }
