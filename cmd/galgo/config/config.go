// Package config says how the server is to run, out of defaults, a TOML file, the environment and flags.
//
// There is one list of settings (settings.go); file, environment, flags, the documentation and what the server writes
// about itself all come from it. A setting has one name in three spellings: tcp.address in the file,
// GALGO_TCP_ADDRESS in the environment, --tcp-address as a flag. Flags win over the environment, that over the file,
// that over the defaults. What is written but not known is never passed over in silence.
//
// It leaves to others: what the settings mean for shards, memory and logs.
package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/galgo-mq/galgo/metadata"
)

// Config is how the server is to run. A zero of shards, memory, journal_size means: choose for me.
type Config struct {
	DataDir           string
	IO                string // auto, uring or epoll
	Shards            int
	CPUs              []int
	Pin               string // auto, true or false
	Memory            int64
	JournalSize       int64
	Replicated        metadata.Level
	WrittenLossBound  time.Duration
	RetentionInterval time.Duration
	OffsetsHold       time.Duration
	FrameSizeMax      int64
	ConnectionsMax    int
	HandshakeTimeout  time.Duration
	RequestTimeout    time.Duration
	SendTimeout       time.Duration
	TCPAddress        string
	KeepaliveIdle     time.Duration
	KeepaliveInterval time.Duration
	UserTimeout       time.Duration // of TCP
	ShutdownTimeout   time.Duration
	HashTimeout       time.Duration
	LogLevel          string
	LogFormat         string
	PprofAddress      string
	RootUsername      string
	RootPassword      string // empty: in RootPasswordFile or, without one, to be made up; FirstPassword says which
	RootPasswordFile  string
	Dev               bool

	HeartbeatEnabled         bool
	HeartbeatInterval        time.Duration
	TokensPerUserMax         int
	TokenCleanerInterval     time.Duration
	RebalancingTimeout       time.Duration
	RetryFenced              bool
	AcceptLoss               bool
	JournalWrites            string        // auto, direct or buffered
	PollHold                 time.Duration // zero: an empty poll is answered at once
	ConnectionsPerAddressMax int           // zero: no bound
	StreamsMax, TopicsMax    int           // topics of a stream
	PartitionsMax            int           // of a topic
	UsersMax                 int
	GroupsMax                int // of a topic
	MembersMax               int // of a group
	NameBytesMax             int
	RequestsInFlightMax      int
	ConnectionMemory         int64
	MetadataBytes            int64
	ConsumersPerLogMax       int // with stored offsets

	// For a server that takes the place of an Iggy server, LoadIggy.
	Announce bool // say on standard output that clients are served
	Display  bool // print the configuration at the start

	// Warnings are what was odd and no reason to stop.
	Warnings []string

	firstUser error // what is wrong with the first user, for the start that makes it
}

// Default is the configuration when nothing is said.
func Default() *Config {
	return &Config{
		DataDir:           "./galgo-data",
		IO:                "auto",
		JournalWrites:     "auto",
		Pin:               "auto",
		Replicated:        metadata.LevelPersisted,
		WrittenLossBound:  time.Second,
		RetentionInterval: time.Minute,
		OffsetsHold:       7 * 24 * time.Hour,
		FrameSizeMax:      64 << 20,
		ConnectionsMax:    20000,
		HandshakeTimeout:  30 * time.Second,
		RequestTimeout:    30 * time.Second,
		SendTimeout:       30 * time.Second,
		TCPAddress:        "127.0.0.1:8090",
		KeepaliveIdle:     30 * time.Second,
		KeepaliveInterval: 10 * time.Second,
		UserTimeout:       time.Minute,
		ShutdownTimeout:   time.Minute,
		HashTimeout:       10 * time.Second,
		LogLevel:          "info",
		LogFormat:         "console",
		RootUsername:      "iggy",

		HeartbeatEnabled:     true,
		HeartbeatInterval:    30 * time.Second,
		TokensPerUserMax:     100,
		TokenCleanerInterval: time.Minute,
		RebalancingTimeout:   30 * time.Second,
		StreamsMax:           metadata.StreamsMax,
		TopicsMax:            metadata.TopicsMax,
		PartitionsMax:        metadata.PartitionsMax,
		UsersMax:             metadata.UsersMax,
		GroupsMax:            groupsMax,
		MembersMax:           membersMax,
		ConsumersPerLogMax:   consumersMax,
		NameBytesMax:         nameBytesMax,
	}
}

// Names of what is not a setting but says where settings come from.
const (
	FileFlag = "config"
	FileEnv  = envPrefix + "CONFIG"
	DevFlag  = "dev"
	DevEnv   = envPrefix + "DEV"

	envPrefix = "GALGO_"
)

// envOfOthers are variables that begin like ours and are for tests, and for the commands that are clients.
var envOfOthers = map[string]bool{envPrefix + "PASSWORD": true, envPrefix + "PLANTED": true, envPrefix + "SEED": true}

const (
	// DevPassword is what --dev gives the first user, unless another was given.
	DevPassword = "iggy"
	// SuperblockName is the file that makes a directory one of ours and carries its lock: docs/formats/superblock.md.
	SuperblockName = "galgo.meta"
)

// Load reads the configuration. flags are those of AddFlags, parsed; environ is as os.Environ gives it. Its errors say
// where the value was written, what is wrong with it and what to write instead; they may hold several lines.
func Load(flags *pflag.FlagSet, environ []string) (*Config, error) {
	c := Default()
	if err := refuseEncryption(environ); err != nil {
		return nil, err
	}
	env := variables(environ)
	path, dev := env[FileEnv], env[DevEnv]
	if f := flags.Lookup(FileFlag); f != nil && f.Changed {
		path = f.Value.String()
	}
	if f := flags.Lookup(DevFlag); f != nil && f.Changed {
		dev = f.Value.String()
	}
	if err := c.setDev(dev); err != nil {
		return nil, err
	}
	settings := c.settings()
	if path != "" {
		if err := c.readFile(path, settings); err != nil {
			return nil, err
		}
	}
	if err := c.readEnv(env, settings); err != nil {
		return nil, err
	}
	if err := c.readFlags(flags, settings); err != nil {
		return nil, err
	}
	return c, c.finish(false)
}

func (c *Config) setDev(text string) error {
	c.Dev = text == "true" || text == "1"
	if !c.Dev && text != "" && text != "false" && text != "0" {
		return fmt.Errorf("%s: %q is neither true nor false", DevEnv, text)
	}
	return nil
}

// finish does what needs more than one setting. fresh: data that is there will be removed.
func (c *Config) finish(fresh bool) error {
	if c.Dev {
		if !Loopback(c.TCPAddress) {
			return fmt.Errorf("--dev has a password that everybody knows, so it serves this machine only, and tcp.address is %s: "+
				"take a loopback address such as 127.0.0.1:8090, or leave out --dev", c.TCPAddress)
		}
		if c.RootPassword == "" && c.RootPasswordFile == "" {
			c.RootPassword = DevPassword
		}
	}
	if c.RootPassword != "" && c.RootPasswordFile != "" {
		c.firstUser = errors.Join(c.firstUser, errors.New("the password of the first user is given twice, in a variable and by root.password_file: keep one"))
	}
	if !fresh && !c.dataIsNew() {
		return nil
	}
	_, err := c.FirstPassword() // now, when nothing is made yet
	return err
}

// dataIsNew says whether there is surely no user yet. Without that, the start finds out: one that was cut off may have left a
// directory without users.
func (c *Config) dataIsNew() bool {
	_, err := os.Stat(filepath.Join(c.DataDir, SuperblockName))
	return errors.Is(err, os.ErrNotExist)
}

// FirstPassword is the password of the first user; empty: to be made up. It is for the start that makes that user: only here
// is the file read, and an error what is wrong with the user's name, its password or the file. Other starts need none of them.
func (c *Config) FirstPassword() (string, error) {
	switch {
	case c.firstUser != nil:
		return "", c.firstUser
	case c.RootPassword != "" || c.RootPasswordFile == "":
		return c.RootPassword, nil
	}
	text, err := readBounded(c.RootPasswordFile, passwordBytesMax)
	if err != nil {
		return "", fmt.Errorf("root.password_file: %w", err)
	}
	if err := parsePassword(&c.RootPassword)(strings.TrimRight(string(text), "\r\n")); err != nil {
		return "", fmt.Errorf("root.password_file: %s: %w", c.RootPasswordFile, err)
	}
	return c.RootPassword, nil
}

// FirstUserVariables names the variables that say who the first user is.
func (c *Config) FirstUserVariables() (username, password string) {
	if c.Announce {
		return iggyUser, iggyPassword
	}
	return envPrefix + "ROOT_USERNAME", envPrefix + "ROOT_PASSWORD"
}

// stops is err unless s is about the first user: what is wrong there stops the start that makes it, and no other.
func (c *Config) stops(s *setting, err error) error {
	if s.first {
		c.firstUser = errors.Join(c.firstUser, err)
		return nil
	}
	return err
}

// Loopback says whether only this machine can reach a listener at addr.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func variables(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, envPrefix) {
			env[k] = v
		}
	}
	return env
}
