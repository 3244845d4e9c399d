package storage

import "testing"

// waiting is a queue of appends of ten records each, the n-th of which waits for group n, and for the direct write of that number where it has one.
func waiting(level Level, direct ...uint64) (q pending, requests []*Request) {
	for i, d := range direct {
		r := &Request{}
		requests = append(requests, r)
		q.push(pendNode{req: r, level: level, gseq: uint64(i + 1), direct: d, base: Offset(10 * i), next: Offset(10*i + 10), prevNext: Offset(10 * i), length: 100})
	}
	return q, requests
}

func TestWhatMayBeToldDependsOnTheLevelOfAppendAndLog(t *testing.T) {
	f := func(appended, now Level, safe safety, want Offset) {
		t.Helper()
		q, _ := waiting(appended, 0, 1, 0)
		if got := q.safeTo(now, safe); got != want {
			t.Errorf("appended at %v, log at %v, safe %+v: told to %d, want %d", appended, now, safe, got, want)
		}
	}
	f(LevelMemory, LevelMemory, safety{}, 30)
	f(LevelMemory, LevelWritten, safety{}, 0)
	f(LevelWritten, LevelMemory, safety{}, 0)
	f(LevelWritten, LevelWritten, safety{written: 3}, 10)
	f(LevelWritten, LevelWritten, safety{written: 3, direct: 1}, 30)
	f(LevelPersisted, LevelPersisted, safety{written: 3, direct: 1}, 0)
	f(LevelPersisted, LevelWritten, safety{written: 3, persisted: 2, direct: 1}, 20)
	f(LevelPersisted, LevelPersisted, safety{written: 3, persisted: 3, direct: 1}, 30)
}

func TestPendingForgetsWhatIsToldAndDone(t *testing.T) {
	q, requests := waiting(LevelMemory, 0, 1, 0, 2)
	b := bounds{next: 40}
	for n := q.untold(); n != nil && n.next <= 30; n = q.untold() {
		q.told++
		b.show(n.next, 10, n.length)
	}
	q.invariants(1, &b, 100, 2, 4)
	if q.settled() || q.firstOpen(0) != 1 || q.firstOpen(1) != 3 || q.untold().req != requests[3] {
		t.Errorf("%d told of %d", q.told, q.len())
	}
	if q.forget(0); q.len() != 3 || q.told != 2 {
		t.Errorf("with no write done: %d are left, %d told", q.len(), q.told)
	}
	if q.forget(2); q.len() != 1 || q.told != 0 {
		t.Errorf("with all writes done: %d are left, %d told; what is not told stays", q.len(), q.told)
	}
	q.invariants(1, &b, 100, 2, 4)
}

// TestPendingLosesWhatIsBehindAFailedWrite, and nothing before it.
func TestPendingLosesWhatIsBehindAFailedWrite(t *testing.T) {
	q, requests := waiting(LevelPersisted, 0, 1, 0, 2, 0)
	got := q.lose(2)
	if got != requests[3] || got.next != requests[4] || requests[4].next != nil {
		t.Error("not the appends from the lost write on")
	}
	if q.at(3).req != nil || q.at(2).req == nil || q.lose(2) != nil {
		t.Error("lost ones are answered again, or others are not answered any more")
	}
	if next := q.safeTo(LevelPersisted, safety{written: 9, persisted: 9, direct: 1}); next != 30 {
		t.Errorf("what the journal has before it may be told to 30, not %d", next)
	}
}

func TestFlushesWaitForTheirGroupAndWrites(t *testing.T) {
	var q pending
	first, raise, last := &Request{Kind: ReqFlush}, &Request{Kind: ReqRaise}, &Request{Kind: ReqRaise}
	q.flush(first, 1, 0)
	q.flush(raise, 2, 3)
	q.flush(last, 3, 3)
	if q.settled() || q.raising != 2 {
		t.Errorf("%d raises wait", q.raising)
	}
	if q.flushed(safety{persisted: 2, direct: 2}) != first || q.flushed(safety{persisted: 2, direct: 2}) != nil {
		t.Error("a flush is done before its direct writes")
	}
	if q.flushed(safety{persisted: 2, direct: 3}) != raise || q.raising != 1 {
		t.Error("a raise is not done with its group and writes")
	}
	if q.refuseFlushes() != last || q.raising != 1 || !q.settled() {
		t.Error("a raise that failed counts as done")
	}
}
