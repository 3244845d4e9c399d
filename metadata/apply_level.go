package metadata

func (m *Machine) setLevels(_ Micros, d *decoder) (Result, error) {
	stream, topic, messages, offsets := d.ident(), d.ident(), Level(d.u8()), Level(d.u8())
	if !d.whole() {
		return Result{}, ErrCommand
	}
	if messages > LevelMemory || offsets > LevelMemory {
		return Result{}, ErrOptionValue
	}
	t, err := m.Topic(stream, topic)
	if err != nil {
		return Result{}, err
	}
	settings, explicit := t.Settings, t.explicit
	if messages != 0 {
		settings.Durability = messages
		explicit |= optionNamed("durability")
	}
	if offsets != 0 {
		settings.OffsetDurability = offsets
		explicit |= optionNamed("consumer_offset_durability")
	}
	r := Result{Stream: t.Stream, Topic: t.ID, SettingsChanged: settings != t.Settings}
	t.setOptions(settings, explicit)
	return r, nil
}

// optionNamed is the set of one key of the catalogue.
func optionNamed(key string) optionSet {
	for i := range catalogue {
		if catalogue[i].key == key {
			return 1 << i
		}
	}
	panic("BUG: no option " + key)
}
