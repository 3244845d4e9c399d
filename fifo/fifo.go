// Package fifo is a first-in first-out queue in memory that is used again.
package fifo

// Queue holds values in order. The zero value is an empty one. Push and Pop cost the same however many there are, and allocate only
// when there are more than ever.
type Queue[T any] struct {
	list []T // those before head are zero
	head int
}

// Len is how many there are.
func (q *Queue[T]) Len() int { return len(q.list) - q.head }

// Push adds v behind all others.
func (q *Queue[T]) Push(v T) {
	if len(q.list) == cap(q.list) && q.head > len(q.list)/2 {
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, v)
}

// First is the value that Pop would return. There must be one.
func (q *Queue[T]) First() T { return q.list[q.head] }

// Pop takes the first value out. There must be one.
func (q *Queue[T]) Pop() T {
	var zero T
	v := q.list[q.head]
	q.list[q.head] = zero
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return v
}

// PopN takes at most n of the first values out and appends them to dst.
func (q *Queue[T]) PopN(dst []T, n int) []T {
	for n = min(n, q.Len()); n > 0; n-- {
		dst = append(dst, q.Pop())
	}
	return dst
}

// Clear takes all values out, and gives the memory up.
func (q *Queue[T]) Clear() { *q = Queue[T]{} }
