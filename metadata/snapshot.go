package metadata

import (
	"bytes"

	"github.com/zeebo/xxh3"
)

// A snapshot is the whole state; equal states have equal bytes. What is said to be zero is room for clusters: a reader takes
// anything else there for a newer version's. Little endian:
//
//	at     size  field
//	 0        8  magic             "GALGOMET"
//	 8        4  format version    3
//	12        8  body size
//	20           body:
//	          8    revision
//	          8    next log id
//	          8    session numbers reserved
//	         16    cluster id        zeros
//	          4    nodes, count      0
//	          4    origins, count    0
//	          4    users, count, then each by ascending id
//	          4    streams, count, then each by ascending id, with its topics, with their partitions and groups
//	          4    retired logs, count, then each, ascending: log id u64, u32 nodes that have yet to confirm (0)
//	20+body   8  checksum          xxh3, of everything before it
const (
	snapshotMagic    = "GALGOMET"
	snapshotVersion  = 3
	snapshotOldest   = 2 // that is read
	snapshotHead     = 20
	snapshotChecksum = 8
)

// Fields of clusters.
const (
	clusterIDBytes  = 16
	memberNodeBytes = 4 + 4 // node u32, boot u32
)

// What a snapshot of any version is made of, at least so large each; these bound what a count can allocate.
const (
	userBytesMin      = 4 + 2 + 2 + 1 + 8 + 8 + 1 + 4
	tokenBytesMin     = 2 + 32 + 8 + 8
	streamBytesMin    = 4 + 2 + 8 + 4
	topicBytesMin     = 4 + 2 + 8 + 2 + 4 + 4 + 4
	partitionBytesMin = 8 + 8
	groupBytesMin     = 4 + 2 + 8 + 8 + 4
	memberBytesMin    = 4 + 16 + 4
	seatBytes         = 4 + 8 + 4
)

// AppendSnapshot appends the state to dst.
func (m *Machine) AppendSnapshot(dst []byte) []byte {
	start := len(dst)
	dst = le.AppendUint32(append(dst, snapshotMagic...), snapshotVersion)
	dst = le.AppendUint64(dst, 0) // body size, below
	dst = le.AppendUint64(dst, m.revision)
	dst = le.AppendUint64(dst, uint64(m.LogIDs.next))
	dst = le.AppendUint64(dst, m.sessionsReserved)
	dst = appendReserved(dst, clusterIDBytes+4+4)
	dst = le.AppendUint32(dst, uint32(m.Accounts.UserCount()))
	for u := range m.Accounts.Users() {
		dst = u.append(dst)
	}
	dst = le.AppendUint32(dst, uint32(m.StreamCount()))
	for s := range m.Streams() {
		dst = s.append(dst)
	}
	dst = le.AppendUint32(dst, uint32(len(m.LogIDs.retired)))
	for _, log := range m.LogIDs.retired {
		dst = appendReserved(le.AppendUint64(dst, uint64(log)), 4)
	}
	le.PutUint64(dst[start+12:], uint64(len(dst)-start-snapshotHead))
	return le.AppendUint64(dst, xxh3.Hash(dst[start:]))
}

// A user: id u32, name text, password hash text, status u8, created at u64, since u64, secured u64, permissions, tokens u32
// count, then each.
func (u *User) append(dst []byte) []byte {
	dst = appendText(le.AppendUint32(dst, uint32(u.ID)), u.Name)
	dst = append(appendText(dst, u.PasswordPHC), byte(u.Status))
	dst = le.AppendUint64(le.AppendUint64(le.AppendUint64(dst, uint64(u.CreatedAt)), u.Since), u.Secured)
	dst = le.AppendUint32(appendPermissions(dst, u.Permissions), uint32(len(u.Tokens)))
	for i := range u.Tokens {
		dst = u.Tokens[i].append(dst)
	}
	return dst
}

// A stream: id u32, name text, created at u64, since u64, topics u32 count, then each.
func (s *Stream) append(dst []byte) []byte {
	dst = appendText(le.AppendUint32(dst, uint32(s.ID)), s.Name)
	dst = le.AppendUint64(le.AppendUint64(dst, uint64(s.CreatedAt)), s.Since)
	dst = le.AppendUint32(dst, uint32(s.TopicCount()))
	for t := range s.Topics() {
		dst = t.append(dst)
	}
	return dst
}

// appendOptions writes the settings by key. One that is empty is left out: builds that do not know it read the topic all the same.
func (t *Topic) appendOptions(dst []byte) []byte {
	at, count := len(dst), 0
	dst = le.AppendUint16(dst, 0)
	for i := range catalogue {
		o := &catalogue[i]
		if value := o.value(&t.Settings); len(value) > 0 {
			dst = append(appendText(dst, o.key), byte(t.explicit>>i&1), byte(o.kind))
			dst = appendText(dst, value)
			count++
		}
	}
	le.PutUint16(dst[at:], uint16(count))
	return dst
}

// A topic: id u32, name text, created at u64, since u64, the keys of the catalogue (u16 count, ascending by key; key text,
// explicit u8, kind u8, value text), replicas wanted u16 (0), partitions u32 count, then each: log id u64, created at u64,
// since u64, preferred leader u32 (0), replicas u32 count (0); next group id u32, groups u32 count, then each. Keys and values
// of options are written out, but for an empty description: a build with other defaults reads the same settings, one with more keys has defaults for those that
// are missing, and one with fewer names the key that it does not know.
func (t *Topic) append(dst []byte) []byte {
	dst = appendText(le.AppendUint32(dst, uint32(t.ID)), t.Name)
	dst = le.AppendUint64(le.AppendUint64(dst, uint64(t.CreatedAt)), t.Since)
	dst = t.appendOptions(dst)
	dst = le.AppendUint32(appendReserved(dst, 2), uint32(len(t.Partitions)))
	for _, p := range t.Partitions {
		dst = le.AppendUint64(le.AppendUint64(dst, uint64(p.Log)), uint64(p.CreatedAt))
		dst = appendReserved(le.AppendUint64(dst, p.Since), 4+4)
	}
	dst = le.AppendUint32(le.AppendUint32(dst, uint32(t.groups.next)), uint32(t.GroupCount()))
	for g := range t.Groups() {
		dst = g.append(dst)
	}
	return dst
}

// A group: id u32, name text, created at u64, since u64, generation u64, members u32 count, then each: id u32, key 16 bytes,
// node u32 (0), boot u32 (0), what it owns (u32 count, in the order in which it came; partition u32, fence u64, target u32, noMember if it is not pending).
func (g *Group) append(dst []byte) []byte {
	dst = appendText(le.AppendUint32(dst, uint32(g.ID)), g.Name)
	dst = le.AppendUint64(le.AppendUint64(le.AppendUint64(dst, uint64(g.CreatedAt)), g.Since), g.Generation)
	dst = le.AppendUint32(dst, uint32(g.MemberCount()))
	for m := range g.Members() {
		dst = appendReserved(append(le.AppendUint32(dst, uint32(m.ID)), m.Key[:]...), memberNodeBytes)
		dst = le.AppendUint32(dst, uint32(len(m.Partitions)))
		for _, p := range m.Partitions {
			dst = le.AppendUint64(le.AppendUint32(dst, uint32(p)), g.seats[p].fence)
			dst = le.AppendUint32(dst, uint32(g.seats[p].target))
		}
	}
	return dst
}

// Restore reads a snapshot. A VersionError: a newer version wrote it. ErrOldVersion: it is of version 1, which no release
// wrote. ErrSnapshot: it is damaged, or says what cannot be.
func Restore(p []byte) (*Machine, error) {
	if len(p) < snapshotHead+snapshotChecksum || !bytes.HasPrefix(p, []byte(snapshotMagic)) {
		return nil, ErrSnapshot
	}
	end := len(p) - snapshotChecksum
	if xxh3.Hash(p[:end]) != le.Uint64(p[end:]) {
		return nil, ErrSnapshot
	}
	version := le.Uint32(p[8:])
	if version < snapshotOldest {
		return nil, ErrOldVersion
	} else if version > snapshotVersion {
		return nil, &VersionError{"version of the snapshot", version, snapshotVersion}
	}
	if le.Uint64(p[12:]) != uint64(end-snapshotHead) {
		return nil, ErrSnapshot
	}
	return restoreBody(p[snapshotHead:end], version)
}
