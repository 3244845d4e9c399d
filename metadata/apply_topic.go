package metadata

func (m *Machine) createTopic(at Micros, d *decoder) (Result, error) {
	id, name, partitions, options := d.ident(), d.text(), d.u32(), d.options()
	d.placement()
	if !d.whole() {
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
	if err := settings.fit(int(partitions), explicit, d.version); err != nil {
		return Result{}, err
	}
	t := &Topic{ID: TopicID(s.topics.lowestFree()), Stream: s.ID, Name: string(name), CreatedAt: at, Since: m.revision}
	t.setOptions(settings, explicit)
	s.topics.put(uint32(t.ID), t.Name, t)
	m.topicMade(t)
	r := Result{Stream: s.ID, Topic: t.ID}
	m.bytes += t.size()
	m.topics++
	m.addPartitions(t, int(partitions), at, &r)
	return r, nil
}

func (m *Machine) updateTopic(_ Micros, d *decoder) (Result, error) {
	stream, topic, name, options := d.ident(), d.ident(), d.text(), d.options()
	if !d.whole() {
		return Result{}, ErrCommand
	}
	if err := CheckOptions(options, true); err != nil {
		return Result{}, err
	}
	if !nameOK(name, 1, nameBytesMax) {
		return Result{}, ErrTopicName
	}
	s, err := m.Stream(stream)
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
		settings.refit(len(t.Partitions), explicit, d.version)
	} else if err := settings.fit(len(t.Partitions), explicit, d.version); err != nil {
		return Result{}, err
	}
	if err := settings.check(len(t.Partitions)); err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID, Topic: t.ID, SettingsChanged: settings != t.Settings}
	s.topics.rename(uint32(t.ID), t.Name, string(name))
	m.bytes -= t.size()
	t.Name = string(name)
	m.bytes += t.size()
	t.setOptions(settings, explicit)
	return r, nil
}

func (m *Machine) deleteTopic(_ Micros, d *decoder) (Result, error) {
	s, t, err := m.decodeTopic(d)
	if err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID, Topic: t.ID, Retired: appendRetired(nil, t, 0)}
	m.forgetTopic(t)
	s.topics.remove(uint32(t.ID), t.Name)
	m.topicGone(t)
	m.retire(r.Retired)
	return r, nil
}

func (m *Machine) purgeTopic(_ Micros, d *decoder) (Result, error) {
	s, t, err := m.decodeTopic(d)
	if err != nil {
		return Result{}, err
	}
	r := Result{Stream: s.ID, Topic: t.ID}
	m.purge(t, &r)
	m.retire(r.Retired)
	return r, nil
}

// decodeTopic reads a body that is two Idents and nothing else.
func (m *Machine) decodeTopic(d *decoder) (*Stream, *Topic, error) {
	stream, topic := d.ident(), d.ident()
	if !d.whole() {
		return nil, nil, ErrCommand
	}
	s, err := m.Stream(stream)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.Topic(topic)
	return s, t, err
}

func (m *Machine) createPartitions(at Micros, d *decoder) (Result, error) {
	t, count, err := m.decodePartitions(d, true)
	switch {
	case err != nil:
		return Result{}, err
	case len(t.Partitions)+count > PartitionsMax:
		return Result{}, ErrPartitionIDs
	case !t.Settings.preallocationFits(len(t.Partitions) + count):
		return Result{}, ErrPartitionsCount
	}
	settings := t.Settings
	if err := settings.fit(len(t.Partitions)+count, t.explicit, d.version); err != nil && d.version >= 2 {
		return Result{}, err
	}
	r := Result{Stream: t.Stream, Topic: t.ID, SettingsChanged: settings != t.Settings}
	t.setOptions(settings, t.explicit)
	m.addPartitions(t, count, at, &r)
	m.redistribute(t)
	return r, nil
}

func (m *Machine) deletePartitions(_ Micros, d *decoder) (Result, error) {
	t, count, err := m.decodePartitions(d, false)
	switch {
	case err != nil:
		return Result{}, err
	case count > len(t.Partitions):
		return Result{}, ErrPartitionsCount
	}
	keep := len(t.Partitions) - count
	settings := t.Settings
	settings.refit(keep, t.explicit, d.version)
	r := Result{Stream: t.Stream, Topic: t.ID, Retired: appendRetired(nil, t, keep), SettingsChanged: settings != t.Settings}
	t.setOptions(settings, t.explicit)
	t.Partitions = t.Partitions[:keep]
	m.countPartitions(-count)
	m.redistribute(t)
	m.retire(r.Retired)
	return r, nil
}

// decodePartitions reads two Idents and a count, which it judges.
func (m *Machine) decodePartitions(d *decoder, create bool) (t *Topic, count int, err error) {
	stream, topic, n := d.ident(), d.ident(), d.u32()
	if create {
		d.placement()
	}
	if !d.whole() {
		return nil, 0, ErrCommand
	}
	if t, err = m.Topic(stream, topic); err != nil {
		return nil, 0, err
	}
	if n == 0 || n > PartitionsOnceMax {
		return nil, 0, ErrTooManyPartitions
	}
	return t, int(n), nil
}

// addPartitions appends partitions with new logs to a topic and notes them in r.
func (m *Machine) addPartitions(t *Topic, count int, at Micros, r *Result) {
	for range count {
		p := Partition{Log: m.giveLog(), CreatedAt: at, Since: m.revision}
		r.Created = append(r.Created, CreatedLog{t.Stream, t.ID, PartitionID(len(t.Partitions)), p.Log, t.Settings})
		t.Partitions = append(t.Partitions, p)
	}
	m.countPartitions(count)
}

func (m *Machine) countPartitions(count int) {
	m.bytes += count * partitionSize
	m.logs += count
}

// forgetTopic takes a topic that is about to go out of all that counts it, with its groups.
func (m *Machine) forgetTopic(t *Topic) {
	m.bytes -= t.size()
	m.topics--
	m.logs -= len(t.Partitions)
	m.dropGroups(t)
}

// purge gives every partition of a topic a new log, so that offsets begin at 0 again, and notes both in r, and what is
// pending in its groups: nothing is in flight any more. The partition stays as old as it is.
func (m *Machine) purge(t *Topic, r *Result) {
	r.Retired = appendRetired(r.Retired, t, 0)
	for i := range t.Partitions {
		t.Partitions[i].Log = m.giveLog()
		r.Created = append(r.Created, CreatedLog{t.Stream, t.ID, PartitionID(i), t.Partitions[i].Log, t.Settings})
	}
	for g := range t.Groups() {
		r.Pending = g.Pending(r.Pending)
	}
}
