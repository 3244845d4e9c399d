package storage

import (
	"errors"
	"testing"
)

// TestOffsetsAreShared: who makes up consumers gets half of the room for stored offsets and no more, a third from one log; others
// go on to find room, also in the same log, and for the same user in others.
func TestOffsetsAreShared(t *testing.T) {
	d := filled(1<<20, heap{}, func(c *Config) { c.ConsumersPerLogMax = 1 << 20 })
	s := d.s
	logs := LogID(s.Logs())
	for id := LogID(1); id <= logs; id++ {
		if err := d.do(t, &Request{Kind: ReqAppend, Log: id, Batch: oneRecord(t, 100)}); err != nil {
			t.Fatal(err)
		}
	}
	room := (s.room.share(offsetsShare) - s.room.Carry()) / offsetSize
	next := uint32(0)
	store := func(user User, log LogID) error {
		next++
		return d.do(t, &Request{Kind: ReqStoreOffset, Log: log, User: user, Consumer: ConsumerKey{ID: next}})
	}
	fill := func(user User, log LogID) (n int64) {
		t.Helper()
		for {
			err := store(user, log)
			if errors.Is(err, ErrTooManyConsumers) {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	eve, bob, ann := User{1, 5}, User{2, 6}, User{3, 7}
	near := func(what string, got, want int64) {
		t.Helper()
		if got < want-2 || got > want+2 {
			t.Errorf("%s: %d of %d, want about %d", what, got, room, want)
		}
	}
	one := fill(eve, 1)
	near("one log of eve", one, room/3)
	if err := store(eve, 2); err != nil {
		t.Errorf("eve in another log: %v", err)
	}
	all := one + 1
	for id := LogID(2); id <= logs; id++ {
		all += fill(eve, id)
	}
	near("all logs of eve", all, room/2)
	if err := store(bob, 1); err != nil {
		t.Errorf("bob in the log that eve has filled: %v", err)
	}
	if err := d.do(t, &Request{Kind: ReqStoreOffset, Log: 1, User: eve, Consumer: ConsumerKey{ID: 1}}); err != nil {
		t.Errorf("a consumer of eve's that has an offset: %v", err)
	}
	p := Request{Kind: ReqPoll, Log: 1, Strategy: FromFirst, Count: 1, BytesMax: 1 << 20, AutoCommit: true, User: eve, Consumer: ConsumerKey{ID: 1 << 30}}
	if err := d.do(t, &p); !errors.Is(err, ErrTooManyConsumers) || len(p.Spans) != 0 {
		t.Errorf("a poll whose commit finds no room: %v with %d spans, want %v", err, len(p.Spans), ErrTooManyConsumers)
	}
	if s.Stats().Unstored != 1 {
		t.Errorf("%d polls refused for their commit, want 1", s.Stats().Unstored)
	}
	for id := LogID(2); id <= logs; id++ {
		fill(bob, id)
	}
	p = Request{Kind: ReqPoll, Log: 1, Strategy: FromFirst, Count: 1, BytesMax: 1 << 20, AutoCommit: true, User: ann, Consumer: ConsumerKey{ID: 1 << 30}}
	if err := d.do(t, &p); err != nil || p.Records != 1 {
		t.Errorf("a poll of ann, who has none: %d records, %v", p.Records, err)
	}
	s.Release(&p)
	if o, found := s.Log(1).StoredOffset(ConsumerKey{ID: 1 << 30}); !found || o != 0 {
		t.Errorf("ann's offset: %d, %v", o, found)
	}
	if err := store(User{eve.Number, 8}, 1); err != nil {
		t.Errorf("who has got the number of eve, with none stored: %v", err)
	}
	cat := User{4, 8}
	for id := LogID(1); id <= logs; id++ {
		fill(User{Number: cat.Number}, id) // as an older build noted them
	}
	if err := store(cat, 1); !errors.Is(err, ErrTooManyConsumers) {
		t.Errorf("cat, of whom an older build has noted a share: %v", err)
	}
	s.cfg.ConsumersPerLogMax = 10
	if err := store(ann, 1); !errors.Is(err, ErrTooManyConsumers) {
		t.Errorf("a log that has more than limits.consumers_per_log: %v", err)
	}
}
