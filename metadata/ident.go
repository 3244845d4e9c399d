package metadata

import (
	"strconv"
	"unicode/utf8"
)

// Ident names a stream, topic, group or user, by number or by name. A name is compared byte for byte.
type Ident struct {
	name   []byte
	number uint32
	byName bool
}

// ByNumber names a thing by its id.
func ByNumber[T ~uint32](number T) Ident { return Ident{number: uint32(number)} }

// ByName names a thing by its name, which must not change while the Ident is in use.
func ByName(name []byte) Ident { return Ident{name: name, byName: true} }

// String is what the caller has said: a name, or a number in digits.
func (i Ident) String() string {
	if i.byName {
		return string(i.name)
	}
	return strconv.FormatUint(uint64(i.number), 10)
}

// table holds things under a number and a name. Numbers are as low as they can be.
type table[T any] struct {
	rows  []*T // by number; nil where it is free
	names map[string]uint32
	free  uint32 // every number below is taken
}

func (t *table[T]) count() int { return len(t.names) }

// find returns the thing, nil if there is none. It does not allocate.
func (t *table[T]) find(id Ident) *T {
	number := id.number
	if id.byName {
		var ok bool
		if number, ok = t.names[string(id.name)]; !ok {
			return nil
		}
	}
	if uint64(number) >= uint64(len(t.rows)) {
		return nil
	}
	return t.rows[number]
}

func (t *table[T]) hasName(name []byte) bool {
	_, ok := t.names[string(name)]
	return ok
}

// lowestFree is the number that the next new thing gets.
func (t *table[T]) lowestFree() uint32 {
	for int(t.free) < len(t.rows) && t.rows[t.free] != nil {
		t.free++
	}
	return t.free
}

// put stores a thing under a free number and a free name.
func (t *table[T]) put(number uint32, name string, row *T) {
	if t.names == nil {
		t.names = make(map[string]uint32)
	}
	for int(number) >= len(t.rows) {
		t.rows = append(t.rows, nil)
	}
	t.rows[number] = row
	t.names[name] = number
}

func (t *table[T]) remove(number uint32, name string) {
	delete(t.names, name)
	t.rows[number] = nil
	t.free = min(t.free, number)
	for len(t.rows) > 0 && t.rows[len(t.rows)-1] == nil {
		t.rows = t.rows[:len(t.rows)-1]
	}
}

func (t *table[T]) rename(number uint32, from, to string) {
	delete(t.names, from)
	t.names[to] = number
}

// all yields the things in the order of their numbers.
func (t *table[T]) all(yield func(*T) bool) {
	for _, row := range t.rows {
		if row != nil && !yield(row) {
			return
		}
	}
}

func nameOK(name []byte, bytesMin, bytesMax int) bool {
	return len(name) >= bytesMin && len(name) <= bytesMax && utf8.Valid(name)
}
