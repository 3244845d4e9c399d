package metadata

func (m *Machine) createTopic(c *command) (Result, error) {
	id, name, partitions, options := c.ident(), c.text(), c.u32(), c.options()
	c.placement()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	settings, explicit := defaultSettings(), optionSet(0)
	if err := settings.apply(options, false, &explicit); err != nil {
		return Result{}, err
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrTopicName
	}
	s, err := m.Stream(id)
	if err != nil {
		return Result{}, err
	}
	switch {
	case s.topics.hasName(name):
		return Result{}, ErrTopicNameExists
	case s.topics.count() == TopicsMax:
		return Result{}, ErrTooManyTopics
	case partitions > PartitionsOnceMax:
		return Result{}, ErrTooManyPartitions
	}
	if err := settings.fit(int(partitions), explicit, c.version); err != nil {
		return Result{}, err
	}
	t := &Topic{ID: TopicID(s.topics.lowestFree()), Stream: s.ID, Name: string(name), CreatedAt: c.at, Since: c.revision}
	t.setOptions(settings, explicit)
	m.addTopic(s, t)
	m.Accounts.topicMade(t)
	r := Result{Stream: s.ID, Topic: t.ID}
	m.addPartitions(c, t, int(partitions), &r)
	return r, nil
}

func (tr *Tree) updateTopic(c *command) (Result, error) {
	stream, topic, name, options := c.ident(), c.ident(), c.text(), c.options()
	if !c.whole() {
		return Result{}, ErrCommand
	}
	if err := CheckOptions(options, true); err != nil {
		return Result{}, err
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrTopicName
	}
	s, err := tr.Stream(stream)
	if err != nil {
		return Result{}, err
	}
	t, err := s.Topic(topic)
	if err != nil {
		return Result{}, err
	}
	if t.Name != string(name) && s.topics.hasName(name) {
		return Result{}, ErrTopicNameExists
	}
	settings, explicit := t.Settings, t.explicit
	if err := settings.apply(options, true, &explicit); err != nil {
		return Result{}, err
	}
	if settings.MaxTopicSize == t.Settings.MaxTopicSize {
		settings.refit(len(t.Partitions), explicit, c.version)
	} else if err := settings.fit(len(t.Partitions), explicit, c.version); err != nil {
		return Result{}, err
	}
	if err := settings.check(len(t.Partitions)); err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID, Topic: t.ID, SettingsChanged: settings != t.Settings}
	s.topics.rename(uint32(t.ID), t.Name, string(name))
	tr.bytes -= t.size()
	t.Name = string(name)
	t.setOptions(settings, explicit)
	tr.bytes += t.size()
	return r, nil
}

func (m *Machine) deleteTopic(c *command) (Result, error) {
	s, t, err := c.topic(&m.Tree)
	if err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID, Topic: t.ID, Retired: appendRetired(nil, t, 0)}
	m.removeTopic(s, t)
	m.Accounts.topicGone(t)
	m.LogIDs.retire(r.Retired)
	return r, nil
}

func (m *Machine) purgeTopic(c *command) (Result, error) {
	s, t, err := c.topic(&m.Tree)
	if err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID, Topic: t.ID}
	m.purge(t, &r)
	m.LogIDs.retire(r.Retired)
	return r, nil
}

// topic reads a body that is two Idents and nothing else.
func (c *command) topic(tr *Tree) (*Stream, *Topic, error) {
	stream, topic := c.ident(), c.ident()
	if !c.whole() {
		return nil, nil, ErrCommand
	}
	s, err := tr.Stream(stream)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.Topic(topic)
	return s, t, err
}

func (m *Machine) createPartitions(c *command) (Result, error) {
	t, count, err := c.partitions(&m.Tree, true)
	switch {
	case err != nil:
		return Result{}, err
	case len(t.Partitions)+count > PartitionsMax:
		return Result{}, ErrPartitionIDs
	case !t.Settings.preallocationFits(len(t.Partitions) + count):
		return Result{}, ErrPartitionsCount
	}
	settings := t.Settings
	if err := settings.fit(len(t.Partitions)+count, t.explicit, c.version); err != nil && c.version >= 2 {
		return Result{}, err
	}
	r := Result{Stream: t.Stream, Topic: t.ID, SettingsChanged: settings != t.Settings}
	t.setOptions(settings, t.explicit)
	m.addPartitions(c, t, count, &r)
	m.redistribute(t, c.revision)
	return r, nil
}

func (m *Machine) deletePartitions(c *command) (Result, error) {
	t, count, err := c.partitions(&m.Tree, false)
	switch {
	case err != nil:
		return Result{}, err
	case count > len(t.Partitions):
		return Result{}, ErrPartitionsCount
	}
	keep := len(t.Partitions) - count
	settings := t.Settings
	settings.refit(keep, t.explicit, c.version)
	r := Result{Stream: t.Stream, Topic: t.ID, Retired: appendRetired(nil, t, keep), SettingsChanged: settings != t.Settings}
	t.setOptions(settings, t.explicit)
	t.Partitions = t.Partitions[:keep]
	m.countPartitions(-count)
	m.redistribute(t, c.revision)
	m.LogIDs.retire(r.Retired)
	return r, nil
}

// partitions reads two Idents and a count, which it judges.
func (c *command) partitions(tr *Tree, create bool) (t *Topic, count int, err error) {
	stream, topic, n := c.ident(), c.ident(), c.u32()
	if create {
		c.placement()
	}
	if !c.whole() {
		return nil, 0, ErrCommand
	}
	if t, err = tr.Topic(stream, topic); err != nil {
		return nil, 0, err
	}
	if n == 0 || n > PartitionsOnceMax {
		return nil, 0, ErrTooManyPartitions
	}
	return t, int(n), nil
}

// addPartitions appends partitions with new logs to a topic and notes them in r.
func (m *Machine) addPartitions(c *command, t *Topic, count int, r *Result) {
	for range count {
		p := Partition{Log: m.LogIDs.give(), CreatedAt: c.at, Since: c.revision}
		r.Created = append(r.Created, CreatedLog{t.Stream, t.ID, PartitionID(len(t.Partitions)), p.Log, t.Settings})
		t.Partitions = append(t.Partitions, p)
	}
	m.countPartitions(count)
}

// purge gives every partition of a topic a new log, so that offsets begin at 0 again, and notes both in r, and what is
// pending in its groups: nothing is in flight any more. The partition stays as old as it is.
func (m *Machine) purge(t *Topic, r *Result) {
	r.Retired = appendRetired(r.Retired, t, 0)
	for i := range t.Partitions {
		t.Partitions[i].Log = m.LogIDs.give()
		r.Created = append(r.Created, CreatedLog{t.Stream, t.ID, PartitionID(i), t.Partitions[i].Log, t.Settings})
	}
	for g := range t.Groups() {
		r.Pending = g.Pending(r.Pending)
	}
}
