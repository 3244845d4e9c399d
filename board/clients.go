package board

import (
	"maps"
	"slices"
	"sync"

	"github.com/galgo-mq/galgo/call"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/wire"
)

// Clients are those of all shards: for those who list them, and so that a session's client id is one connection's.
// Shards write to them when a connection sends its first request, logs in, logs out and closes; nothing on the path of a
// message looks at them.
type Clients struct {
	mu       sync.Mutex
	clients  map[uint32]*call.Client
	order    []uint32            // their ids, ascending: whoever lists them does so page by page
	sessions map[[16]byte]uint32 // connection of each client id
	from     map[string]int      // connections by address
}

// NewClients makes an empty list.
func NewClients() *Clients {
	return &Clients{clients: make(map[uint32]*call.Client), sessions: make(map[[16]byte]uint32), from: make(map[string]int)}
}

// Arrive counts a new connection from an address, and reports whether that is one too many; max 0: there is no bound.
func (r *Clients) Arrive(address string, max int) (ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if max > 0 && r.from[address] >= max {
		return false
	}
	r.from[address]++
	return true
}

// Leave takes back an Arrive.
func (r *Clients) Leave(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.from[address]--; r.from[address] <= 0 {
		delete(r.from, address)
	}
}

// Open lists a connection that has sent its first request.
func (r *Clients) Open(id uint32, peer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, _ := slices.BinarySearch(r.order, id) // nearly always the end
	r.order = slices.Insert(r.order, i, id)
	r.clients[id] = &call.Client{Client: wire.Client{ID: id, UserID: wire.NoUser, Transport: wire.TransportTCP, Address: peer}}
}

// Close forgets a connection.
func (r *Clients) Close(id uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[id]; c != nil {
		r.unbind(c)
		delete(r.clients, id)
		i, _ := slices.BinarySearch(r.order, id)
		r.order = slices.Delete(r.order, i, i+1)
	}
}

// Bind notes a session. before is the connection that had its client id, 0: none; that has no session any more. False: it is
// another user's, and nothing is noted.
func (r *Clients) Bind(id uint32, key [16]byte, user metadata.UserID) (before uint32, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clients[id]
	if other := r.clients[r.sessions[key]]; other != nil && other != c {
		if other.User != user {
			return 0, false
		}
		before = other.ID
		r.unbind(other)
	}
	r.unbind(c)
	c.Key, c.User, c.UserID = key, user, uint32(user)
	r.sessions[key] = id
	return before, true
}

// Holds reports whether a client id has a session.
func (r *Clients) Holds(key [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, bound := r.sessions[key]
	return bound
}

// Owns reports whether the session of a client id is that connection's.
func (r *Clients) Owns(id uint32, key [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[key] == id
}

// Logout notes that a connection has no session any more.
func (r *Clients) Logout(id uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[id]; c != nil {
		r.unbind(c)
	}
}

func (r *Clients) unbind(c *call.Client) {
	if c.UserID != wire.NoUser {
		delete(r.sessions, c.Key)
		c.Key, c.UserID = [16]byte{}, wire.NoUser
	}
}

// Page appends clients by ascending id, copies: at most n of those whose id is not below from.
func (r *Clients) Page(dst []call.Client, from uint32, n int) []call.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, _ := slices.BinarySearch(r.order, from)
	for _, id := range r.order[i:min(len(r.order), i+n)] {
		dst = append(dst, *r.clients[id])
	}
	return dst
}

// Find returns a client.
func (r *Clients) Find(id uint32) (call.Client, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clients[id]
	if c == nil {
		return call.Client{}, false
	}
	return *c, true
}

// Count is how many there are.
func (r *Clients) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.clients)
}

// Addresses counts the connections of each address, as Arrive does.
func (r *Clients) Addresses() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.from)
}
