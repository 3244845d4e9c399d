package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/e2e/process"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/wire"
)

// Directories that builds of the past have written lie in testdata/directories, packed, each with what has to be found in it. Every
// build opens them all. A new one is made with the build whose formats it is to hold:
//
//	go test ./e2e -run MakeDirectories -make-directories v4 -maker BINARY -maker-planted BINARY-WITH-TAG-PLANTED
var (
	makeDirectories = flag.String("make-directories", "", "name of the golden directories that TestMakeDirectories makes")
	makerFlag       = flag.String("maker", "", "binary that makes them")
	makerPlanted    = flag.String("maker-planted", "", "the same with the tag planted, for a partition that is set aside")
)

const directoriesPath = "testdata/directories"

// inside is what a golden directory holds, for clients.
type inside struct {
	Partitions []partitionInside
	Offsets    []offsetInside
	Users      []userInside
	Token      string // secret of one of the first user
	Groups     []string
	Aside      bool // partition 0 of topic aside answers errors only
	Tables     int  // log tables that have records
}

type partitionInside struct {
	Topic     string
	Partition uint32
	Level     string
	Messages  []messageInside
	Next      uint64 // no new message may get an offset below it
}

type messageInside struct {
	Offset uint64
	Number int // says what is in it, see payloadOf
}

type offsetInside struct {
	Topic     string
	Partition uint32
	Consumer  string
	Group     bool
	Offset    uint64
}

type userInside struct {
	Name, Password string
	Status         wire.UserStatus
	Permissions    *wire.Permissions
}

// payloadOf is the payload of a message: its name, again and again.
func payloadOf(topic string, partition uint32, number, size int) []byte {
	name := fmt.Sprintf("%s/%d/%d;", topic, partition, number)
	return []byte(strings.Repeat(name, size/len(name)+1))
}

// directoryMaker fills a directory by several runs of a broker.
type directoryMaker struct {
	t   *testing.T
	dir string
	b   *process.Broker
	c   *client.Client
	in  inside
	ctx context.Context
}

func (m *directoryMaker) run(binary string, env ...string) {
	m.t.Helper()
	b, err := process.Launch(process.Config{Command: []string{binary}, Dir: m.dir, Args: []string{"--journal-size", "8MiB", "--shards", "2", "--memory", "128MiB", "--pin=false"}, Env: env})
	if err == nil {
		m.t.Cleanup(b.Kill)
		err = b.Await(30 * time.Second)
	}
	if err != nil {
		m.t.Fatalf("%v\n%s", err, b.Log())
	}
	m.b = b
	if m.c, err = login(b.Address); err != nil {
		m.t.Fatal(err)
	}
}

func (m *directoryMaker) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

var golden = wire.Named("golden")

func (m *directoryMaker) topic(name string, partitions uint32, options ...wire.Option) {
	m.t.Helper()
	_, err := m.c.CreateTopic(m.ctx, golden, name, partitions, options...)
	m.must(err)
	level := "persisted"
	for _, o := range options {
		if string(o.Key) == "durability" {
			level = string(o.Value)
		}
	}
	for p := range partitions {
		m.in.Partitions = append(m.in.Partitions, partitionInside{Topic: name, Partition: p, Level: level})
	}
}

// send sends messages to every partition of a topic and notes where they are.
func (m *directoryMaker) send(topic string, count, size int) {
	m.t.Helper()
	for i := range m.in.Partitions {
		p := &m.in.Partitions[i]
		if p.Topic != topic {
			continue
		}
		for range count {
			number := len(p.Messages)
			placed, err := m.c.Send(m.ctx, golden, wire.Named(topic), p.Partition, single(payloadOf(topic, p.Partition, number, size)))
			m.must(err)
			p.Messages = append(p.Messages, messageInside{placed.BaseOffset, number})
			p.Next = placed.BaseOffset + 1
		}
	}
}

func (m *directoryMaker) offset(topic string, partition uint32, who wire.Consumer, offset uint64) {
	m.t.Helper()
	m.must(m.c.StoreOffset(m.ctx, who, golden, wire.Named(topic), partition, offset))
	m.in.Offsets = slices.DeleteFunc(m.in.Offsets, func(o offsetInside) bool {
		return o.Topic == topic && o.Partition == partition && o.Consumer == string(who.ID.Name) && o.Group == (who.Kind == wire.GroupConsumer)
	})
	m.in.Offsets = append(m.in.Offsets, offsetInside{topic, partition, string(who.ID.Name), who.Kind == wire.GroupConsumer, offset})
}

func consumerNamed(name string) wire.Consumer {
	return wire.Consumer{Kind: wire.SingleConsumer, ID: wire.Named(name)}
}

func groupNamed(name string) wire.Consumer {
	return wire.Consumer{Kind: wire.GroupConsumer, ID: wire.Named(name)}
}

func (m *directoryMaker) user(name string, status wire.UserStatus, permissions *wire.Permissions) {
	m.t.Helper()
	_, err := m.c.CreateUser(m.ctx, name, "secret-"+name, permissions)
	m.must(err)
	if status != wire.UserActive {
		m.must(m.c.UpdateUser(m.ctx, wire.UpdateUser{User: wire.Named(name), HasStatus: true, Status: status}))
	}
	m.in.Users = append(m.in.Users, userInside{name, "secret-" + name, status, permissions})
}

// everything makes one of each: levels, deduplication, sizes of batches, segments, gaps, purged and deleted topics, offsets of consumers
// and groups, users with rights, tokens, a snapshot of the metadata, a partition that is set aside.
func (m *directoryMaker) everything() {
	_, err := m.c.CreateStream(m.ctx, "golden")
	m.must(err)
	m.topic("persisted", 2, wire.Uint64Option("segment_size", 1<<20))
	m.topic("written", 1, wire.TextOption("durability", "written"))
	m.topic("memory", 1, wire.TextOption("durability", "memory"))
	m.topic("dedup", 1, wire.TextOption("deduplication", "100000"))
	m.topic("purged", 1)
	m.topic("aside", 2)
	m.send("persisted", 20, 700)
	m.send("persisted", 3, 400_000) // past its segment's size, and not through the journal
	for _, topic := range []string{"written", "memory", "purged", "aside"} {
		m.send(topic, 10, 300)
	}
	m.send("dedup", 1, 300)
	m.offset("persisted", 0, consumerNamed("reader"), 5)
	m.offset("persisted", 1, consumerNamed("reader"), 22)
	m.offset("persisted", 0, consumerNamed("slow"), 0)
	m.offset("written", 0, consumerNamed("reader"), 3)
	m.user("alice", wire.UserActive, &wire.Permissions{Global: 1 << 5, Streams: []wire.StreamPermissions{{ID: 0, Rights: 1 << 4, Topics: []wire.TopicPermissions{{ID: 0, Rights: 3}, {ID: 2, Rights: 12}}}}})
	m.user("bob", wire.UserInactive, nil)
	m.in.Token, err = m.c.CreateToken(m.ctx, "for ever", 0)
	m.must(err)
}

// more goes on in a directory that was recovered after kill -9.
func (m *directoryMaker) more() {
	m.must(m.c.PurgeTopic(m.ctx, golden, wire.Named("purged")))
	for i := range m.in.Partitions {
		if p := &m.in.Partitions[i]; p.Topic == "purged" {
			p.Messages, p.Next = nil, 0
		}
	}
	for _, topic := range []string{"persisted", "written", "memory", "purged"} {
		m.send(topic, 5, 900)
	}
	m.group("persisted", "readers")
	m.group("written", "readers")
	m.offset("persisted", 0, consumerNamed("reader"), 24)
	m.must(m.c.DeleteOffset(m.ctx, consumerNamed("slow"), golden, wire.Named("persisted"), 0))
	m.in.Offsets = slices.DeleteFunc(m.in.Offsets, func(o offsetInside) bool { return o.Consumer == "slow" })
	long := strings.Repeat("x", 240)
	for i := 0; ; i++ { // until commands take so much room that the metadata is written whole
		if _, err := os.Stat(filepath.Join(m.dir, "state", "metadata.snapshot")); err == nil {
			break
		}
		if i == 20_000 {
			m.t.Fatal("no snapshot of the metadata was written")
		}
		_, err := m.c.CreateStream(m.ctx, fmt.Sprintf("%s%05d", long, i))
		m.must(err)
		m.must(m.c.DeleteStream(m.ctx, wire.Named(fmt.Sprintf("%s%05d", long, i))))
	}
	_, err := m.c.CreateStream(m.ctx, "later") // in the journal alone
	m.must(err)
	_, err = m.c.CreateTopic(m.ctx, wire.Named("later"), "deleted", 3)
	m.must(err)
	_, err = m.c.Send(m.ctx, wire.Named("later"), wire.Named("deleted"), 1, single(make([]byte, 10_000)))
	m.must(err)
	m.must(m.c.DeleteTopic(m.ctx, wire.Named("later"), wire.Named("deleted")))
}

// group makes a group with a member and a stored offset.
func (m *directoryMaker) group(topic, name string) {
	m.t.Helper()
	_, err := m.c.CreateGroup(m.ctx, golden, wire.Named(topic), name)
	m.must(err)
	m.must(m.c.JoinGroup(m.ctx, golden, wire.Named(topic), wire.Named(name)))
	m.offset(topic, 0, groupNamed(name), 7)
	m.in.Groups = append(m.in.Groups, topic+"/"+name)
}

// rest makes so many partitions that laps are not small, and goes on with others until the log table of each shard says where they stand, and
// for some laps more.
func (m *directoryMaker) rest() {
	m.t.Helper()
	m.topic("resting", 900)
	m.send("resting", 1, 100)
	m.offset("resting", 450, consumerNamed("reader"), 0)
	m.topic("rolled", 1, wire.Uint64Option("segment_size", 1<<20))
	m.send("rolled", 4, 400_000)
	m.topic("busy", 4, wire.Uint64Option("segment_size", 1<<20))
	for more, i := 0, 0; more < 3; i++ {
		if i == 40 {
			m.t.Fatalf("%d shards have a log table", m.in.Tables)
		}
		m.send("busy", 40, 60_000) // a file of the journal, over two shards
		if m.in.Tables = tablesIn(m.t, m.dir); m.in.Tables >= 2 {
			more++
		}
	}
}

// tablesIn counts the log tables of a directory that begin with a group of records.
func tablesIn(t *testing.T, dir string) (n int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*.logs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		p, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(p, []byte("GGRP")) {
			n++
		}
	}
	return n
}

// setAside has a partition end the broker in as many starts as it takes, and starts it once more.
func (m *directoryMaker) setAside() {
	m.t.Helper()
	for range storage.PanicsMax {
		m.run(*makerPlanted, "GALGO_PLANTED=panic")
		_, err := m.c.Send(m.ctx, golden, wire.Named("aside"), 0, single([]byte(storage.PanicOnAppend)))
		if err == nil {
			m.t.Fatal("no panic")
		}
		<-m.b.Exited
	}
	m.run(*makerPlanted, "GALGO_PLANTED=panic")
	m.in.Aside = true
	if files, err := filepath.Glob(filepath.Join(m.dir, "logs", "*", "fenced-*.group")); err != nil || len(files) == 0 {
		m.t.Fatal("nothing was set aside", err)
	}
	m.b.Kill()
}

// TestMakeDirectories makes golden directories, when it is asked to.
func TestMakeDirectories(t *testing.T) {
	if *makeDirectories == "" || *makerFlag == "" || *makerPlanted == "" {
		t.Skip("golden directories are made on request: -make-directories NAME -maker BINARY -maker-planted BINARY")
	}
	for _, end := range []string{"orderly", "killed"} {
		m := &directoryMaker{t: t, dir: filepath.Join(t.TempDir(), "data"), ctx: context.Background()}
		m.run(*makerFlag)
		m.everything()
		m.b.Kill() // which leaves gaps behind the levels below persisted
		m.run(*makerFlag)
		m.more()
		m.b.Kill()
		m.setAside()
		m.run(*makerFlag)
		m.send("persisted", 2, 1200)
		m.send("written", 2, 1200)
		m.rest()
		if end == "orderly" {
			m.must(m.b.Stop())
		} else {
			m.b.Kill()
		}
		m.in.Tables = tablesIn(t, m.dir)
		name := filepath.Join(directoriesPath, *makeDirectories+"-"+end+".tgz")
		m.must(os.MkdirAll(directoriesPath, 0o755))
		m.must(pack(name, m.dir, m.in))
		if info, err := os.Stat(name); err != nil || info.Size() > 1<<20 {
			t.Errorf("%s has %d bytes, %v", name, info.Size(), err)
		}
	}
}

// pack writes a directory, and what is in it, into one file.
func pack(name, dir string, in inside) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, _ := gzip.NewWriterLevel(f, gzip.BestCompression)
	w := tar.NewWriter(z)
	text, err := json.MarshalIndent(in, "", " ")
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: "inside.json", Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.AddFS(os.DirFS(filepath.Dir(dir))); err != nil {
		return err
	}
	return errors.Join(w.Close(), z.Close())
}

// unpack lays a golden directory out again.
func unpack(t *testing.T, name, to string) (in inside) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return in
		}
		if err != nil || !filepath.IsLocal(h.Name) {
			t.Fatalf("%s: %v", h.Name, err)
		}
		path := filepath.Join(to, h.Name)
		switch {
		case h.Name == "inside.json":
			err = json.NewDecoder(r).Decode(&in)
		case h.Typeflag == tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		default:
			if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
				var p []byte
				if p, err = io.ReadAll(r); err == nil {
					err = os.WriteFile(path, p, 0o644)
				}
			}
		}
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	}
}

// TestGoldenDirectories opens every directory that builds of the past have written, reads and compares all of it, writes to it, and
// does so again after an orderly end and after kill -9.
func TestGoldenDirectories(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(directoriesPath, "*.tgz"))
	if err != nil || len(names) < 2 {
		t.Fatal("there are no golden directories", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".tgz"), func(t *testing.T) {
			to := t.TempDir()
			in := unpack(t, name, to)
			if n := tablesIn(t, filepath.Join(to, "data")); n != in.Tables {
				t.Fatalf("%d log tables, want %d", n, in.Tables)
			}
			for _, args := range [][]string{{"--shards", "2"}, {"--shards", "1", "--io", "epoll"}, {"--shards", "3"}} {
				s := start(t, options{dir: filepath.Join(to, "data"), args: append(args, "--pin=false", "--memory", "192MiB")})
				in.compare(t, s)
				in.write(t, s)
				if args[1] == "1" {
					s.Kill()
				} else {
					s.stop()
				}
			}
		})
	}
}

// compare reads everything.
func (in *inside) compare(t *testing.T, s *server) {
	t.Helper()
	ctx := context.Background()
	c := s.dial()
	for i := range in.Partitions {
		if p := &in.Partitions[i]; !in.Aside || p.Topic != "aside" || p.Partition != 0 {
			p.compare(t, c)
		} else if _, err := pollAt(c, "golden", "aside", 0, 0, 1); err == nil {
			t.Error("the partition that was set aside is served")
		}
	}
	for _, o := range in.Offsets {
		who := consumerNamed(o.Consumer)
		if o.Group {
			who = groupNamed(o.Consumer)
		}
		if got, err := c.GetOffset(ctx, who, golden, wire.Named(o.Topic), o.Partition); err != nil || got.StoredOffset != o.Offset {
			t.Errorf("stored offset %+v: %+v, %v", o, got, err)
		}
	}
	if _, err := c.GetOffset(ctx, consumerNamed("slow"), golden, wire.Named("persisted"), 0); !errors.Is(err, wire.StatusConsumerOffsetNotFound) {
		t.Errorf("a deleted offset: %v", err)
	}
	for _, u := range in.Users {
		d, err := c.GetUser(ctx, wire.Named(u.Name))
		if err != nil || d.Status != u.Status || !reflect.DeepEqual(d.Permissions, u.Permissions) {
			t.Errorf("user %+v: %+v, %v", u, d, err)
		}
		x, err := client.Dial(ctx, s.Address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Login(ctx, u.Name, u.Password); (err == nil) != (u.Status == wire.UserActive) {
			t.Errorf("login of %s: %v", u.Name, err)
		}
		x.Close()
	}
	x, err := client.Dial(ctx, s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.LoginWithToken(ctx, in.Token); err != nil {
		t.Errorf("login with a token: %v", err)
	}
	for _, g := range in.Groups {
		topic, name, _ := strings.Cut(g, "/")
		if _, err := c.GetGroup(ctx, golden, wire.Named(topic), wire.Named(name)); err != nil {
			t.Errorf("group %s: %v", g, err)
		}
	}
	if st, err := c.GetStream(ctx, wire.Named("later")); err != nil || len(st.Topics) != 0 {
		t.Errorf("stream later: %+v, %v", st, err)
	}
	if list, err := c.GetStreams(ctx); err != nil || len(list) != 2 {
		t.Errorf("%d streams, %v", len(list), err)
	}
}

// compare reads a partition from its beginning to its end.
func (p *partitionInside) compare(t *testing.T, c *client.Client) {
	t.Helper()
	var got []messageInside
	for from := uint64(0); ; {
		polled, err := pollAt(c, "golden", p.Topic, p.Partition, from, 1000)
		if err != nil {
			t.Errorf("%s/%d: %v", p.Topic, p.Partition, err)
			return
		}
		for m := range polled.Messages() {
			number := 0
			_, err := fmt.Sscanf(string(m.Payload()), p.Topic+"/%d/%d;", new(uint32), &number)
			if err != nil || string(m.Payload()) != string(payloadOf(p.Topic, p.Partition, number, len(m.Payload())-1)) {
				t.Errorf("%s/%d: message at %d is %.40q", p.Topic, p.Partition, m.Offset, m.Payload())
			}
			got = append(got, messageInside{m.Offset, number})
			from = m.Offset + 1
		}
		if polled.Count == 0 {
			break
		}
	}
	if p.Level == "memory" { // what came last may be gone, and nothing else
		if len(got) > len(p.Messages) || !slices.Equal(got, p.Messages[:len(got)]) {
			t.Errorf("%s/%d has %v, want a beginning of %v", p.Topic, p.Partition, got, p.Messages)
		}
		p.Messages = got
		return
	}
	if !slices.Equal(got, p.Messages) {
		t.Errorf("%s/%d has %v, want %v", p.Topic, p.Partition, got, p.Messages)
	}
}

// write adds a message to every partition that takes some, but for most of those that rest: none gets an offset that was given out.
func (in *inside) write(t *testing.T, s *server) {
	t.Helper()
	c := s.dial()
	for i := range in.Partitions {
		p := &in.Partitions[i]
		if p.Topic == "resting" && p.Partition%10 > 0 {
			continue // they go on resting
		}
		number := len(p.Messages)
		placed, err := c.Send(context.Background(), golden, wire.Named(p.Topic), p.Partition, single(payloadOf(p.Topic, p.Partition, number, 200)))
		switch aside := in.Aside && p.Topic == "aside" && p.Partition == 0; {
		case aside && err == nil:
			t.Error("the partition that was set aside takes messages")
		case aside:
		case p.Topic == "dedup": // the id is one that it has
			if err != nil || placed.BaseOffset != p.Messages[0].Offset {
				t.Errorf("a repeat was stored at %d: %v", placed.BaseOffset, err)
			}
		case err != nil || placed.BaseOffset < p.Next:
			t.Errorf("%s/%d: sent to %d, %d was the next: %v", p.Topic, p.Partition, placed.BaseOffset, p.Next, err)
		default:
			p.Messages = append(p.Messages, messageInside{placed.BaseOffset, number})
			p.Next = placed.BaseOffset + 1
		}
	}
}
