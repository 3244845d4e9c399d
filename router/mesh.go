package router

import (
	"fmt"
	"reflect"
)

// Mesh joins shards by a Mailbox per ordered pair and a Sleeper per shard. Each shard works through its own Port.
//
// The slots of the ring from A to B are shared out beforehand, so that what must be sent always finds one:
//
//	+-----------+---------------------+-----------------+---------------------+---------+
//	| requests  | releases of replies | replies to B's  | answers to releases | control |
//	| of A      | of B                | requests        | of B                |         |
//	+-----------+---------------------+-----------------+---------------------+---------+
//	  credits     credits               credits           credits               slots/4
//
// A request takes one of A's credits towards B. The credit stands for the request's own slot, and for a slot on the way
// back for its one reply; it is given back by Finish, when the reply is here. Requests without a credit are refused: their
// connection is not read until one is free. The memory of a reply may be needed much longer: it is released by a message
// of its own, which B answers by one. A has at most as many of those outstanding as it has credits, which it counts
// itself, and keeps others back. So a shard can always take in what comes, and two full rings never wait for each other
// (TestCreditsKeepTwoShardsFromWaiting).
//
// The design speaks of half the ring for requests; that leaves no slots for the releases. A credit costs four slots
// (two per direction), so it is a quarter of what control messages leave.
type Mesh[T any] struct {
	ports []*Port[T]
	slots int
}

const (
	slotsMax       = 1024
	slotsMin       = 32
	meshBytesMax   = 32 << 20 // of all rings together, unless slotsMin says more
	controlDivisor = 4        // the control lane's share of a ring
	slotsPerCredit = 4        // the four lanes in the drawing
)

// ControlSlotsMin is how many control messages the smallest ring holds.
const ControlSlotsMin = slotsMin / controlDivisor

// The smallest ring still has a credit and a control slot.
const _ = uint(slotsMin/controlDivisor - 1)
const _ = uint((slotsMin-slotsMin/controlDivisor)/slotsPerCredit - 1)

// SlotsPerPair is how many slots each ring of a mesh gets, so that all rings together stay below 32 MiB: 1024 for few
// shards, at least 32.
func SlotsPerPair(shards, slotBytes int) int {
	pairs := max(1, shards*(shards-1))
	slots := slotsMax
	for slots > slotsMin && pairs*slots*slotBytes > meshBytesMax {
		slots /= 2
	}
	return slots
}

// NewMesh joins the given number of shards, 1 to 256. slots is the size of each ring, a power of two of at least 32;
// 0 takes SlotsPerPair. A program that feeds the shards from outside gives itself a port as well.
func NewMesh[T any](shards, slots int) *Mesh[T] {
	if shards < 1 || shards > ShardsMax {
		panic(fmt.Sprintf("BUG: mesh of %d shards, want 1 to %d", shards, ShardsMax))
	}
	if slots == 0 {
		slots = SlotsPerPair(shards, int(reflect.TypeFor[T]().Size()))
	}
	if slots < slotsMin {
		panic(fmt.Sprintf("BUG: mesh of %d slots per pair, want at least %d", slots, slotsMin))
	}
	m := &Mesh[T]{slots: slots}
	sleepers := make([]Sleeper, shards)
	for id := range shards {
		m.ports = append(m.ports, newPort[T](ShardID(id), sleepers, slots))
	}
	for from, p := range m.ports {
		for to, q := range m.ports {
			if from != to {
				box := NewMailbox[T](slots)
				p.out[to].box, q.in[from] = box, box
			}
		}
	}
	return m
}

// Port returns a shard's side of the mesh. Only that shard's thread uses it.
func (m *Mesh[T]) Port(id ShardID) *Port[T] { return m.ports[id] }

// Credits is how many requests a shard may have outstanding at one other shard.
func (m *Mesh[T]) Credits() int { return creditsOf(m.slots) }

// ControlSlots is how many control messages fit into one ring.
func (m *Mesh[T]) ControlSlots() int { return m.slots / controlDivisor }

func creditsOf(slots int) int { return (slots - slots/controlDivisor) / slotsPerCredit }
