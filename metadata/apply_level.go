package metadata

func (tr *Tree) setLevels(c *command) (Result, error) {
	stream, topic, messages, offsets := c.ident(), c.ident(), Level(c.u8()), Level(c.u8())
	if !c.whole() {
		return Result{}, ErrCommand
	}
	if messages > LevelMemory || offsets > LevelMemory {
		return Result{}, ErrOptionValue
	}
	t, err := tr.Topic(stream, topic)
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
