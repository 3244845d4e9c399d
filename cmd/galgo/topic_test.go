package main

import (
	"context"
	"strings"
	"testing"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

func TestTopicDurability(t *testing.T) {
	p := startServer(t, t.TempDir(), []string{"GALGO_ROOT_USERNAME=iggy", "GALGO_ROOT_PASSWORD=iggy"})
	ctx := context.Background()
	c, err := client.Dial(ctx, p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Login(ctx, "iggy", "iggy"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateStream(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateTopic(ctx, wire.Named("s"), "t", 2); err != nil {
		t.Fatal(err)
	}
	f := func(want string, code int, args ...string) {
		t.Helper()
		k := galgo(t, nil, append([]string{"topic", "durability", "--address", p.address}, args...)...)
		<-k.ended
		if said := k.out.String() + k.log.String(); !strings.Contains(said, want) || k.cmd.ProcessState.ExitCode() != code {
			t.Errorf("%v ends with %d: %s, want %d: %s", args, k.cmd.ProcessState.ExitCode(), said, code, want)
		}
	}
	f("messages written, offsets as before", 0, "s", "t", "--messages", "written")
	f("messages as before, offsets memory", 0, "0", "0", "--offsets", "memory")
	f("give one of persisted, written, memory, replicated", exitUsage, "s", "t", "--messages", "fast")
	f("give one of", exitUsage, "s", "t")
	f("no such topic", exitFailed, "s", "none", "--messages", "written")
	f("log in as iggy: the user name or the password is wrong", exitFailed, "s", "t", "--messages", "written", "--password", "wrong")
	d, err := c.GetTopic(ctx, wire.Named("s"), wire.Named("t"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range d.Explicit {
		if key := string(o.Key); key == "durability" && string(o.Value) != "written" || key == "consumer_offset_durability" && string(o.Value) != "memory" {
			t.Errorf("%s is %s", key, o.Value)
		}
	}
}
