package sim

import (
	"math/rand/v2"
	"sort"
	"strings"
	"syscall"
)

// node is an inode: a file or a directory.
type node struct {
	file *file // nil: a directory

	seen    map[string]*node
	stable  map[string]*node
	pending []entryChange
}

// entryChange is a change of a directory that a power cut may undo: name now means node (nil: nothing), and with a
// rename from means nothing any more.
type entryChange struct {
	seq  uint64
	name string
	node *node
	from string
}

func newDir() *node { return &node{seen: map[string]*node{}, stable: map[string]*node{}} }

func names(m map[string]*node) []string {
	list := make([]string, 0, len(m))
	for n := range m {
		list = append(list, n)
	}
	sort.Strings(list)
	return list
}

func (n *node) change(c entryChange) {
	set(n.seen, c)
	n.pending = append(n.pending, c)
}

func set(m map[string]*node, c entryChange) {
	if c.from != "" {
		delete(m, c.from)
	}
	if c.node == nil {
		delete(m, c.name)
		return
	}
	m[c.name] = c.node
}

func (n *node) syncDir(seq uint64) {
	kept := n.pending[:0]
	for _, c := range n.pending {
		if c.seq > seq {
			kept = append(kept, c)
			continue
		}
		set(n.stable, c)
	}
	n.pending = kept
}

// lose is a power cut for everything below n.
func (n *node) lose(rng *rand.Rand, data, entries float64) {
	if n.file != nil {
		n.file.lose(rng, data)
		return
	}
	for _, c := range n.pending {
		if rng.Float64() < entries {
			set(n.stable, c)
		}
	}
	n.pending = nil
	n.seen = map[string]*node{}
	for _, name := range names(n.stable) {
		child := n.stable[name]
		n.seen[name] = child
		child.lose(rng, data, entries)
	}
}

// walk calls f for every file below n in order of names.
func (n *node) walk(path string, f func(path string, n *node)) {
	if n.file != nil {
		f(path, n)
		return
	}
	for _, name := range names(n.seen) {
		n.seen[name].walk(path+"/"+name, f)
	}
}

// find returns the directory that holds path, and the last name of it.
func (d *Disk) find(path string) (dir *node, name string, err error) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	dir = d.root
	for _, p := range parts[:len(parts)-1] {
		next := dir.seen[p]
		switch {
		case next == nil:
			return nil, "", syscall.ENOENT
		case next.file != nil:
			return nil, "", syscall.ENOTDIR
		}
		dir = next
	}
	return dir, parts[len(parts)-1], nil
}

// lookup returns the inode of path.
func (d *Disk) lookup(path string) (*node, error) {
	if strings.Trim(path, "/") == "" {
		return d.root, nil
	}
	dir, name, err := d.find(path)
	if err != nil {
		return nil, err
	}
	n := dir.seen[name]
	if n == nil {
		return nil, syscall.ENOENT
	}
	return n, nil
}
