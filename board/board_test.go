package board_test

import (
	"sync"
	"testing"

	"github.com/galgo-mq/galgo/board"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/storage"
)

func key(n byte) [16]byte { return [16]byte{n} }

// TestASessionIsOneConnections: a client id has the session of the connection that logged in last, and never another user's.
func TestASessionIsOneConnections(t *testing.T) {
	c := board.NewClients()
	for id := range uint32(3) {
		c.Open(id+1, "10.0.0.1:1")
	}
	if before, ok := c.Bind(1, key(7), 1); before != 0 || !ok || !c.Holds(key(7)) || !c.Owns(1, key(7)) {
		t.Errorf("the first login: in place of %d, %v", before, ok)
	}
	if _, ok := c.Bind(2, key(7), 2); ok || !c.Owns(1, key(7)) {
		t.Error("another user has taken the client id")
	}
	if before, ok := c.Bind(2, key(7), 1); before != 1 || !ok || !c.Owns(2, key(7)) || c.Owns(1, key(7)) {
		t.Errorf("the same user's other connection: in place of %d, %v", before, ok)
	}
	c.Logout(1) // its session is the other one's by now
	if !c.Owns(2, key(7)) {
		t.Error("the end of one session has ended another one's")
	}
	c.Close(2)
	if c.Holds(key(7)) || c.Count() != 2 {
		t.Errorf("a closed connection has a session; %d are listed", c.Count())
	}
	if _, found := c.Find(2); found {
		t.Error("a closed connection is found")
	}
}

// TestClientsAreListedInOrder: page by page, each once, whatever the order in which they came.
func TestClientsAreListedInOrder(t *testing.T) {
	c := board.NewClients()
	for _, id := range []uint32{30, 10, 20, 50, 40} {
		c.Open(id, "10.0.0.1:1")
	}
	c.Close(20)
	var ids []uint32
	for from := uint32(0); ; {
		page := c.Page(nil, from, 3)
		for i := range page {
			ids = append(ids, page[i].ID)
		}
		if len(page) < 3 {
			break
		}
		from = page[2].ID + 1
	}
	if len(ids) != 4 || ids[0] != 10 || ids[1] != 30 || ids[2] != 40 || ids[3] != 50 {
		t.Errorf("listed: %v", ids)
	}
}

// TestAddressesHaveABound: as many connections as may be, and another one when one of them is gone.
func TestAddressesHaveABound(t *testing.T) {
	c := board.NewClients()
	for range 2 {
		if !c.Arrive("10.0.0.1", 2) {
			t.Error("a connection within the bound is refused")
		}
	}
	if c.Arrive("10.0.0.1", 2) || !c.Arrive("10.0.0.2", 2) || !c.Arrive("10.0.0.3", 0) {
		t.Error("one too many is taken, or one of another address refused")
	}
	c.Leave("10.0.0.1")
	c.Leave("10.0.0.2")
	if !c.Arrive("10.0.0.1", 2) {
		t.Error("a place that was given back is not there")
	}
	if n := c.Addresses(); len(n) != 2 || n["10.0.0.1"] != 2 || n["10.0.0.3"] != 1 {
		t.Errorf("addresses: %v", n)
	}
}

// TestLogsAreReadWhileTheyChange: their owners write, and others read, add up, and see logs come and go.
func TestLogsAreReadWhileTheyChange(t *testing.T) {
	var logs board.Logs
	var all sync.WaitGroup
	parts := make([]metadata.Partition, 8)
	for i := range parts {
		parts[i].Log = metadata.LogID(i + 1)
	}
	for i := range parts {
		all.Go(func() {
			for round := range 200 {
				c := logs.Open(parts[i].Log)
				c.Show(storage.LogStats{Records: 5, Bytes: 50, Current: storage.Offset(round), Segments: 2})
				if round < 199 {
					logs.Drop(parts[i].Log)
				}
			}
		})
	}
	all.Go(func() {
		for range 1000 {
			var sum storage.LogStats
			if logs.Add(&sum, parts); sum.Records > 40 || sum.Segments < 8 || sum.Segments > 16 {
				t.Errorf("8 logs have %+v", sum)
				return
			}
		}
	})
	all.Wait()
	if st := logs.Log(3); st.Records != 5 || st.Bytes != 50 || st.Current != 199 || st.Segments != 2 {
		t.Errorf("a log has %+v", st)
	}
	if st := logs.Log(1000); st != (storage.LogStats{Segments: 1}) {
		t.Errorf("a log that is not open has %+v", st)
	}
}
