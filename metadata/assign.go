package metadata

import (
	"fmt"
	"slices"
)

// join adds a member and hands partitions over to it without taking any away from under its owner: the first member gets
// all; later ones are promised what the others have above their share. It returns the partitions that became pending or
// whose target changed. Every change of owner or target gets the revision as its fence.
func (g *Group) join(key MemberKey, partitions int, revision uint64) []PartitionID {
	m := &Member{ID: MemberID(g.members.lowestFree()), Key: key}
	g.members.put(uint32(m.ID), string(key[:]), m)
	if g.MemberCount() == 1 {
		g.redistribute(partitions, revision)
		return nil
	}
	g.Generation++
	return g.giveUp(revision)
}

// giveUp marks what members have above their share as pending, for those that have nothing.
//
// What a member has is what it owns without what it has given up, and what it is promised. So a member that joins while
// hand-overs are under way gets its share too, if need be of what was promised to others. With no hand-over under way
// that is what the protocol says in terms of owned partitions; and as shares differ by one at most before, they do after.
//
// Members are asked in the order of their ids; the share is partitions / members, and the first (partitions mod members)
// of those that have more may keep one more. First goes what is only promised, then what was assigned last.
func (g *Group) giveUp(revision uint64) (given []PartitionID) {
	promised, leaving := g.underWay()
	share, extra := len(g.seats)/g.MemberCount(), len(g.seats)%g.MemberCount()
	var idle []MemberID
	for m := range g.Members() {
		promises := promised[m.ID]
		if len(m.Partitions) == 0 && len(promises) == 0 {
			idle = append(idle, m.ID)
			continue
		}
		excess := len(m.Partitions) - leaving[m.ID] + len(promises) - share
		if excess > 0 && extra > 0 {
			excess--
			extra--
		}
		for ; excess > 0 && len(promises) > 0; excess-- {
			given = append(given, promises[len(promises)-1])
			promises = promises[:len(promises)-1]
		}
		for i := len(m.Partitions) - 1; excess > 0; i-- {
			if p := m.Partitions[i]; g.seats[p].target == noMember {
				given = append(given, p)
				excess--
			}
		}
	}
	for i, p := range given {
		g.seats[p].target, g.seats[p].fence = idle[i%len(idle)], revision
	}
	return given
}

// underWay lists by member what it is promised, ascending, and counts what is leaving it.
func (g *Group) underWay() (promised [][]PartitionID, leaving []int) {
	promised, leaving = make([][]PartitionID, len(g.members.rows)), make([]int, len(g.members.rows))
	for i, s := range g.seats {
		if s.target != noMember {
			promised[s.target] = append(promised[s.target], PartitionID(i))
			leaving[s.owner]++
		}
	}
	return promised, leaving
}

// redistribute forgets who owned what and what was pending: partition i goes to member i mod n.
func (g *Group) redistribute(partitions int, revision uint64) {
	g.Generation++
	if g.MemberCount() == 0 {
		g.seats = nil
		return
	}
	var members []*Member
	share := partitions/g.MemberCount() + 1
	for m := range g.Members() {
		m.Partitions = make([]PartitionID, 0, share) // it may have had all, and would keep the room for them
		members = append(members, m)
	}
	g.seats = g.seats[:min(partitions, len(g.seats))]
	for len(g.seats) < partitions {
		g.seats = append(g.seats, seat{owner: noMember, target: noMember})
	}
	for i := range g.seats {
		m := members[i%len(members)]
		if s := &g.seats[i]; s.owner != m.ID || s.target != noMember {
			*s = seat{revision, m.ID, noMember}
		}
		m.Partitions = append(m.Partitions, PartitionID(i))
	}
}

// leave takes a member out; the others share everything anew.
func (g *Group) leave(m *Member, revision uint64) {
	g.members.remove(uint32(m.ID), string(m.Key[:]))
	g.redistribute(len(g.seats), revision)
}

// handOver completes those of the hand-overs, all of this group, that are still under way with the same fence.
func (g *Group) handOver(done []Handover, revision uint64) {
	var losers []MemberID
	for _, h := range done {
		if uint64(h.Partition) >= uint64(len(g.seats)) {
			continue
		}
		s := &g.seats[h.Partition]
		if s.target == noMember || s.fence != h.Fence {
			continue
		}
		losers = append(losers, s.owner)
		winner := g.members.rows[s.target]
		winner.Partitions = append(winner.Partitions, h.Partition)
		*s = seat{revision, winner.ID, noMember}
		g.Generation++
	}
	slices.Sort(losers)
	for _, id := range slices.Compact(losers) { // one pass for each, however many it has lost
		m := g.members.rows[id]
		m.Partitions = slices.DeleteFunc(m.Partitions, func(p PartitionID) bool { return g.seats[p].owner != m.ID })
	}
}

// fault says what is wrong with the group, "" if nothing is.
func (g *Group) fault(partitions int, revision uint64) string {
	if g.MemberCount() == 0 {
		if g.seats != nil {
			return fmt.Sprintf("%d partitions are owned without members", len(g.seats))
		}
		return ""
	}
	if len(g.seats) != partitions || g.Generation == 0 {
		return fmt.Sprintf("%d partitions of %d are owned in generation %d", len(g.seats), partitions, g.Generation)
	}
	has, seen, listed := make([]int, len(g.members.rows)), make([]bool, partitions), 0
	for m := range g.Members() {
		for _, p := range m.Partitions {
			if int(p) >= partitions || g.seats[p].owner != m.ID || seen[p] {
				return fmt.Sprintf("member %d lists partition %d, which it does not own, or twice", m.ID, p)
			}
			seen[p] = true
		}
		listed += len(m.Partitions)
	}
	if listed != partitions {
		return fmt.Sprintf("members list %d partitions of %d", listed, partitions)
	}
	for i, s := range g.seats {
		if s.fence == 0 || s.fence > revision || g.members.find(ByNumber(s.owner)) == nil {
			return fmt.Sprintf("partition %d is member %d's since revision %d of %d", i, s.owner, s.fence, revision)
		}
		if s.target == noMember {
			has[s.owner]++
			continue
		}
		if s.target == s.owner || g.members.find(ByNumber(s.target)) == nil {
			return fmt.Sprintf("partition %d is to go from member %d to member %d", i, s.owner, s.target)
		}
		has[s.target]++
	}
	least, most := partitions, 0
	for m := range g.Members() {
		least, most = min(least, has[m.ID]), max(most, has[m.ID])
	}
	if most-least > 1 {
		return fmt.Sprintf("shares are between %d and %d", least, most)
	}
	return ""
}
