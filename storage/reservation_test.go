package storage

import "testing"

func TestAReservationGrowsWhileItDoesNotLast(t *testing.T) {
	var v reservation
	if v.allows(1, LevelMemory) || !v.due(1, LevelMemory) {
		t.Fatal("offsets may be told that nobody reserved")
	}
	second := int64(reserveLasts)
	bound, level := v.ask(1, LevelMemory, false, 10*second)
	if bound != 1+reserveMin || level != LevelMemory || v.allows(1, LevelMemory) || !v.onItsWay() {
		t.Fatalf("asked for %d at level %v", bound, level)
	}
	v.invariants(1)
	v.apply(bound, level)
	v.invariants(1)
	if !v.allows(bound, LevelMemory) || v.allows(bound+1, LevelMemory) || v.onItsWay() || v.due(bound-reserveMin/2, LevelMemory) {
		t.Fatalf("%+v", v)
	}
	if soon, _ := v.ask(bound, LevelMemory, false, 10*second+1); soon != bound+reserveMin {
		t.Errorf("the next one goes to %d", soon)
	}
	before := v.step
	for range 30 {
		v.ask(v.asked, LevelMemory, false, 10*second+2)
	}
	if v.step < reserveMax || v.step <= before {
		t.Errorf("%d at a time after many within a second", v.step)
	}
	step := v.step
	if v.ask(v.asked, LevelMemory, false, 100*second); v.step != step {
		t.Errorf("%d at a time after one that lasted", v.step)
	}
}

func TestAReservationIsForItsLevelAndThoseAbove(t *testing.T) {
	var v reservation
	v.apply(v.ask(10, LevelWritten, false, 0))
	if v.allows(10, LevelMemory) || !v.allows(10, LevelWritten) || !v.due(10, LevelMemory) {
		t.Error("what was reserved for the level written is told in memory")
	}
	v.apply(v.ask(10, LevelMemory, false, 0))
	if !v.allows(10, LevelMemory) || !v.allows(10, LevelWritten) {
		t.Error("what was reserved in memory is not told at a higher level")
	}
	if _, level := v.ask(10, LevelPersisted, true, 0); level != LevelMemory {
		t.Errorf("while the level is raised offsets are reserved for %v, told were some at memory", level)
	}
}
