package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// IggyOptions is what the command line of an Iggy server says about its configuration.
type IggyOptions struct {
	Fresh       bool     // the data that is there will be removed
	DefaultRoot bool     // the first user is iggy with password iggy, where the environment does not say otherwise
	Ignored     []string // flags that were given and have no counterpart
}

const (
	iggyPrefix     = "IGGY_"
	iggyDataDir    = "local_data"
	iggyConfigPath = "IGGY_CONFIG_PATH"
	iggyEnvPath    = "IGGY_ENV_PATH"
	iggyEnvFile    = ".env"
	iggyDisplay    = "IGGY_DISPLAY_CONFIG"
	iggyUser       = "IGGY_ROOT_USERNAME"
	iggyPassword   = "IGGY_ROOT_PASSWORD"
	iggySecretFile = "IGGY_ROOT_PASSWORD_FILE"
	iggyRustLog    = "RUST_LOG"
	iggyRoot       = "iggy" // name and password of the default user
)

// iggyValue is what was written for a variable, and where.
type iggyValue struct {
	text string
	name string // of the variable, or of the key in file
	file string // empty: the environment
}

func (v iggyValue) where() string {
	if v.file == "" {
		return v.name
	}
	return v.file + ": " + v.name
}

// LoadIggy reads the configuration as an Iggy server does: variables IGGY_, a file .env with more of them, and a TOML file in
// Iggy's layout. Our own file and variables count as well: variables win over files, and of two of a kind ours wins. What
// has no counterpart here is no error; it is in Warnings, in one line. Errors are as those of Load.
func LoadIggy(o IggyOptions, environ []string) (*Config, error) {
	c := Default()
	c.DataDir, c.Announce = iggyDataDir, true
	environ, err := c.withDotenv(environ)
	if err != nil {
		return nil, err
	}
	ours, theirs := variables(environ), iggyEnvironment(environ)
	if err := c.setDev(ours[DevEnv]); err != nil {
		return nil, err
	}
	if v := theirs[iggyDisplay]; v.text != "" {
		if c.Display, err = parseBool(v.text); err != nil {
			return nil, fmt.Errorf("%s: %w", iggyDisplay, err)
		}
	}
	c.firstUser = rootPair(theirs, o.DefaultRoot)
	if ours[envPrefix+"ROOT_PASSWORD"] != "" || ours[envPrefix+"ROOT_PASSWORD_FILE"] != "" {
		delete(theirs, iggyPassword)
		delete(theirs, iggySecretFile)
	}
	all := theirs
	if path := theirs[iggyConfigPath].text; path != "" {
		if all, err = c.readIggyFile(path); err != nil {
			return nil, err
		}
		maps.Copy(all, theirs)
	}
	if err := errors.Join(refuseEncrypted(all), refuseOurs(ours)); err != nil {
		return nil, err
	}
	settings := c.settings()
	fromFile, err := c.applyIggy(all, settings, false)
	if path := ours[FileEnv]; path != "" {
		err = errors.Join(err, c.readFile(path, settings))
	}
	fromEnv, e := c.applyIggy(all, settings, true)
	if err = errors.Join(err, e, c.readEnv(ours, settings)); err != nil {
		return nil, err
	}
	c.warnIggy(all, o.Ignored)
	c.warnClamped(append(fromFile, fromEnv...))
	return c, c.finish(o.Fresh)
}

// withDotenv adds the variables of the dotenv file to those that there are. The default one may be missing.
func (c *Config) withDotenv(environ []string) ([]string, error) {
	named := ""
	for _, kv := range environ {
		if v, ok := strings.CutPrefix(kv, iggyEnvPath+"="); ok {
			named = v
		}
	}
	path := cmp.Or(named, iggyEnvFile)
	text, err := readBounded(path, configBytesMax)
	switch {
	case errors.Is(err, os.ErrNotExist) && named == "":
		return environ, nil
	case errors.Is(err, os.ErrNotExist):
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s: there is no %s, so nothing was read from it", iggyEnvPath, path))
		return environ, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	env, err := parseDotenv(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		delete(env, name)
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		environ = append(environ, name+"="+env[name])
	}
	return environ, nil
}

// iggyEnvironment is what the variables say. An empty one says nothing.
func iggyEnvironment(environ []string) map[string]iggyValue {
	values := map[string]iggyValue{}
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		if v != "" && (strings.HasPrefix(k, iggyPrefix) || lookupIggy(k) != nil) {
			values[k] = iggyValue{text: v, name: k}
		}
	}
	return values
}

// rootPair sees to it that the first user has a name and a password, or neither.
func rootPair(values map[string]iggyValue, byDefault bool) error {
	user := values[iggyUser].text != ""
	password := values[iggyPassword].text != "" || values[iggySecretFile].text != ""
	if byDefault {
		if !user {
			values[iggyUser] = iggyValue{text: iggyRoot, name: iggyUser}
		}
		if !password {
			values[iggyPassword] = iggyValue{text: iggyRoot, name: iggyPassword}
		}
		return nil
	}
	set, unset := iggyUser, iggyPassword
	if password {
		set, unset = iggyPassword, iggyUser
	}
	if user != password {
		return fmt.Errorf("%s is set and %s is not: set both, or neither, which makes user iggy with a password that is printed once", set, unset)
	}
	return nil
}

// readIggyFile reads a TOML file as if its keys were variables: tcp.address is IGGY_TCP_ADDRESS.
func (c *Config) readIggyFile(path string) (map[string]iggyValue, error) {
	text, err := readBounded(path, configBytesMax)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", iggyConfigPath, err)
	}
	var document map[string]any
	if err := toml.Unmarshal(text, &document); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, column := at.Position()
			return nil, fmt.Errorf("%s:%d:%d: %w", path, line, column, err)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values := map[string]iggyValue{}
	var walk func(key string, value any)
	walk = func(key string, value any) {
		switch x := value.(type) {
		case map[string]any:
			for k, v := range x {
				walk(strings.TrimPrefix(key+"."+k, "."), v)
			}
		case []any:
			for i, v := range x {
				walk(key+"."+strconv.Itoa(i), v)
			}
		default:
			if text := fmt.Sprint(x); text != "" {
				values[iggyPrefix+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = iggyValue{text: text, name: key, file: path}
			}
		}
	}
	walk("", document)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if v := lookupIggy(name); v != nil && v.envOnly {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s is not read from a file: set %s", values[name].where(), name))
			delete(values, name)
		}
	}
	return values, nil
}

// lookupIggy finds the row of a name, or nil. A name that a star stands for, and that is within two letters of one with
// a counterpart, is none: it was meant to be that one.
func lookupIggy(name string) *iggyVariable {
	for i := range iggyVariables {
		v := &iggyVariables[i]
		prefix, family := v.family()
		if !family {
			if v.name == name {
				return v
			}
			continue
		}
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		for _, other := range iggyVariables {
			if other.setting != "" && strings.HasPrefix(other.name, prefix) && distance(name, other.name) <= 2 {
				return nil
			}
		}
		return v
	}
	return nil
}

// clamped is a value beyond what there is here, and what s was set to instead.
type clamped struct {
	asked       iggyValue
	s           *setting
	used, shown string // as it is written, and as s shows it
}

// applyIggy sets what has a counterpart: from the environment, or from the file. What is beyond a bound is no error, because
// files that were written for another server have to do: the nearest value is taken.
func (c *Config) applyIggy(values map[string]iggyValue, settings []setting, env bool) (beyond []clamped, err error) {
	for i := range iggyVariables {
		row := &iggyVariables[i]
		v, ok := values[row.name]
		if !ok || row.setting == "" || (v.file == "") != env {
			continue
		}
		s := find(settings, row.setting)
		text, ok, e := row.text(s, v.text)
		switch {
		case !ok && e == nil:
			continue
		case e == nil && row.off != "" && text == zeroDuration:
			e = find(settings, row.off).parse("false")
		case e == nil:
			e = s.parse(text)
		}
		if b := (*boundError)(nil); errors.As(e, &b) {
			e = s.parse(b.bound)
			beyond = append(beyond, clamped{v, s, b.bound, s.show()})
		}
		if e != nil {
			err = errors.Join(err, c.stops(s, fmt.Errorf("%s: %w", v.where(), e)))
		}
	}
	return beyond, err
}
