package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/spf13/pflag"
)

// AddFlags adds the flags of all settings, and those that say where settings come from.
func AddFlags(flags *pflag.FlagSet) {
	flags.String(FileFlag, "", "`file` with the configuration ("+FileEnv+")")
	flags.Bool(DevFlag, false, "for development: this machine only, first user iggy with password iggy ("+DevEnv+")")
	for _, s := range Default().settings() {
		if s.secret {
			continue
		}
		flags.Var(&flagText{text: s.show(), kind: s.kind}, s.flag(), fmt.Sprintf("%s (%s)", s.help, s.env()))
		if s.key == "pin" || s.kind == boolKind {
			flags.Lookup(s.flag()).NoOptDefVal = "true"
		}
	}
	flags.SortFlags = false
}

// flagText keeps what was written until all sources are read, so that all complain alike.
type flagText struct{ text, kind string }

func (f *flagText) Set(text string) error { f.text = text; return nil }
func (f *flagText) String() string        { return f.text }
func (f *flagText) Type() string          { return f.kind }

func (c *Config) readFlags(flags *pflag.FlagSet, settings []setting) (err error) {
	for _, s := range settings {
		if f := flags.Lookup(s.flag()); f != nil && f.Changed {
			if e := s.parse(f.Value.String()); e != nil {
				err = errors.Join(err, c.stops(&s, fmt.Errorf("--%s: %w", s.flag(), e)))
			}
		}
	}
	return err
}

// FlagError makes the best of an unknown flag: it names the one that was meant.
func FlagError(flags *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var known []string
	flags.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if name := nearest(unknown.GetSpecifiedName(), known); name != "" {
		return fmt.Errorf("%w: did you mean --%s?", err, name)
	}
	return err
}

// readEnv takes the variables in. Unknown ones are warnings and not errors, because others may set them: Kubernetes
// gives every container GALGO_PORT and its like when a service is called galgo. An empty variable says nothing.
func (c *Config) readEnv(env map[string]string, settings []setting) (err error) {
	known := []string{FileEnv, DevEnv}
	for _, s := range settings {
		known = append(known, s.env())
		if v := env[s.env()]; v != "" {
			if e := s.parse(v); e != nil {
				err = errors.Join(err, c.stops(&s, fmt.Errorf("%s: %w", s.env(), e)))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if slices.Contains(known, name) || envOfOthers[name] {
			continue
		}
		w := name + " is not a setting and changes nothing"
		if meant := nearest(name, known); meant != "" {
			w += ": did you mean " + meant + "?"
		}
		c.Warnings = append(c.Warnings, w)
	}
	return err
}

// readFile takes the file in. All that is wrong with it is said at once.
func (c *Config) readFile(path string, settings []setting) error {
	data, err := readBounded(path, configBytesMax)
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	var document map[string]any
	if err := toml.Unmarshal(data, &document); err != nil { // grammar, and keys that occur twice
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, column := at.Position()
			return fmt.Errorf("%s:%d:%d: %w", path, line, column, err)
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	w := walk{config: c, path: path, settings: settings}
	w.parser.Reset(data)
	var table []string
	known := true
	for w.parser.NextExpression() {
		switch e := w.parser.Expression(); {
		case e.Kind == unstable.Table || e.Kind == unstable.ArrayTable:
			table = keyOf(e, nil)
			known = w.enter(e, table)
		case e.Kind == unstable.KeyValue && known:
			w.keyValue(e, table)
		}
	}
	return errors.Join(w.err, w.parser.Error())
}

// walk goes through the file with the position of each key at hand.
type walk struct {
	config   *Config
	path     string
	settings []setting
	parser   unstable.Parser
	err      error
}

func keyOf(n *unstable.Node, table []string) []string {
	key := slices.Clone(table)
	for it := n.Key(); it.Next(); {
		key = append(key, string(it.Node().Data))
	}
	return key
}

// enter says whether there is a table of settings by that name, and complains if not.
func (w *walk) enter(n *unstable.Node, table []string) bool {
	name := strings.Join(table, ".")
	if name == processTable {
		return false // what a server wrote about itself is taken as a configuration, too
	}
	for _, s := range w.settings {
		if strings.HasPrefix(s.key, name+".") {
			return true
		}
	}
	if find(w.settings, name) != nil {
		w.fail(n, fmt.Sprintf("%s is a value and not a table: write %s = ...", name, name))
		return false
	}
	w.fail(n, "unknown table "+name+w.meant(name, true))
	return false
}

func (w *walk) keyValue(n *unstable.Node, table []string) {
	path := keyOf(n, table)
	key, value := strings.Join(path, "."), n.Value()
	if value.Kind == unstable.InlineTable {
		if w.enter(n, path) {
			for it := value.Children(); it.Next(); {
				w.keyValue(it.Node(), path)
			}
		}
		return
	}
	s := find(w.settings, key)
	switch {
	case s == nil:
		w.fail(n, "unknown key "+key+w.meant(key, false))
	case s.secret:
		w.fail(n, key+" does not belong into a file that others read: set "+s.env()+", or "+key+"_file")
	case value.Kind == unstable.Array:
		w.fail(n, key+": a list is written as text here, as in \"0-3,6\"")
	default:
		if err := s.parse(string(value.Data)); err != nil {
			w.err = errors.Join(w.err, w.config.stops(s, w.at(n, key+": "+err.Error())))
		}
	}
}

// meant names the known key, or table, that comes nearest to what was written.
func (w *walk) meant(name string, table bool) string {
	var known []string
	for _, s := range w.settings {
		at := strings.LastIndexByte(s.key, '.')
		switch {
		case !table && !s.secret:
			known = append(known, s.key)
		case table && at > 0:
			known = append(known, s.key[:at])
		}
	}
	if k := nearest(name, known); k != "" {
		return ": did you mean " + k + "?"
	}
	return ": see docs/configuration.md for those that there are"
}

func (w *walk) fail(n *unstable.Node, message string) { w.err = errors.Join(w.err, w.at(n, message)) }

// at is an error with the place of n.
func (w *walk) at(n *unstable.Node, message string) error {
	it := n.Key()
	it.Next()
	at := w.parser.Shape(it.Node().Raw).Start
	return fmt.Errorf("%s:%d:%d: %s", w.path, at.Line, at.Column, message)
}
