package metadata

import (
	"fmt"
	"slices"
)

// memberships are the groups that each member is in, ascending; what the groups say of their members, the other way round.
type memberships map[MemberKey][]*Group

// note enters that a member is in a group.
func (in *memberships) note(key MemberKey, g *Group) {
	if *in == nil {
		*in = make(memberships)
	}
	groups := (*in)[key]
	at, _ := slices.BinarySearchFunc(groups, g, (*Group).compare)
	(*in)[key] = slices.Insert(groups, at, g)
}

// forget takes out that a member is in a group.
func (in memberships) forget(key MemberKey, g *Group) {
	groups := slices.DeleteFunc(in[key], func(other *Group) bool { return other == g })
	if len(groups) == 0 {
		delete(in, key)
		return
	}
	in[key] = groups
}

// invariants: no member is in a group that does not know it. noted is how many members all groups have together, each of them
// found by check.
func (in memberships) invariants(noted int) {
	for _, groups := range in {
		noted -= len(groups)
	}
	if noted != 0 {
		panic(fmt.Sprintf("BUG: groups have %d members that no membership is for", noted))
	}
}

// check looks that the members of a group are noted, and counts them.
func (in memberships) check(g *Group) int {
	for member := range g.Members() {
		if groups := in[member.Key]; !slices.Contains(groups, g) || !slices.IsSortedFunc(groups, (*Group).compare) {
			panic(fmt.Sprintf("BUG: member %d of group %d is in %d groups, not in this one or not in order", member.ID, g.ID, len(groups)))
		}
	}
	return g.MemberCount()
}
