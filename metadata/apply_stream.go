package metadata

func (m *Machine) createStream(c *command) (Result, error) {
	name := c.text()
	switch {
	case !c.whole():
		return Result{}, ErrCommand
	case !nameOK(name, 1, nameBytesMax):
		return Result{}, ErrStreamName
	case m.streams.hasName(name):
		return Result{}, ErrStreamNameExists
	case m.streams.count() == StreamsMax:
		return Result{}, ErrTooManyStreams
	}
	s := &Stream{ID: StreamID(m.streams.lowestFree()), Name: string(name), CreatedAt: c.at, Since: c.revision}
	m.addStream(s)
	m.Accounts.streamMade(s)
	return Result{Stream: s.ID}, nil
}

func (tr *Tree) updateStream(c *command) (Result, error) {
	id, name := c.ident(), c.text()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrStreamName
	}
	s, err := tr.Stream(id)
	if err != nil {
		return Result{}, err
	}
	if s.Name != string(name) {
		if tr.streams.hasName(name) {
			return Result{}, ErrStreamNameExists
		}
		tr.streams.rename(uint32(s.ID), s.Name, string(name))
		tr.bytes -= s.size()
		s.Name = string(name)
		tr.bytes += s.size()
	}
	return Result{Stream: s.ID}, nil
}

func (m *Machine) deleteStream(c *command) (Result, error) {
	s, err := c.stream(&m.Tree)
	if err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID}
	for t := range s.Topics() {
		r.Retired = appendRetired(r.Retired, t, 0)
	}
	m.removeStream(s)
	m.Accounts.streamGone(s)
	m.LogIDs.retire(r.Retired)
	return r, nil
}

func (m *Machine) purgeStream(c *command) (Result, error) {
	s, err := c.stream(&m.Tree)
	if err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID}
	for t := range s.Topics() {
		m.purge(t, &r)
	}
	m.LogIDs.retire(r.Retired)
	return r, nil
}

// stream reads a body that is an Ident and nothing else.
func (c *command) stream(tr *Tree) (*Stream, error) {
	id := c.ident()
	if !c.whole() {
		return nil, ErrCommand
	}
	return tr.Stream(id)
}

// appendRetired lists the logs of a topic's partitions from the given one on.
func appendRetired(dst []RetiredLog, t *Topic, from int) []RetiredLog {
	for i := from; i < len(t.Partitions); i++ {
		dst = append(dst, RetiredLog{t.Stream, t.ID, PartitionID(i), t.Partitions[i].Log})
	}
	return dst
}
