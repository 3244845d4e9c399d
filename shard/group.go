package shard

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/board"
	"github.com/galgo-mq/galgo/metadata"
	"github.com/galgo-mq/galgo/router"
	"github.com/galgo-mq/galgo/storage"
	"github.com/galgo-mq/galgo/uring"
	"github.com/galgo-mq/galgo/wire"
)

type shardID = router.ShardID

// Group is the shards of one server, and what they share: nothing on the path of a message.
type Group struct {
	cfg      Config
	log      *zap.Logger
	host     Host
	lines    *Lines
	shards   []*Shard
	loads    []shardLoad
	mesh     *router.Mesh[message]
	logs     board.Logs
	sessions sessionNumbers
	clients  *board.Clients
	limits   limitCounters
	space    *Space

	readClaim     atomic.Int32 // see readMemory
	framesWaiting atomic.Int32 // see frameMemory

	conns   atomic.Int64  // open
	connIDs atomic.Uint32 // last number given out
	drained atomic.Int32  // shards without connections, at the end
}

// Host is what a server does for its shards, on goroutines of its own. Its methods do not wait.
type Host interface {
	// Now is the time, with a reading of the monotonic clock.
	Now() time.Time
	// Since is how long ago t was, by the monotonic clock alone.
	Since(t time.Time) time.Duration
	// Random fills p with what nobody can guess.
	Random(p []byte)
	// Stats sets in w what the kernel tells of the process and the machine, and calls done.
	Stats(w *wire.Stats, done func())
	// Archive makes the archive that GET_SNAPSHOT_FILE asks for, and calls done. False: there is none, or one is being made.
	Archive(g wire.GetSnapshotFile, done func(archive []byte, err error)) bool
	// Failed ends the server: a shard's journal failed, and nothing more can be acknowledged.
	Failed(shard router.ShardID, err error)
}

// shardLoad is what other shards may know of one.
type shardLoad struct {
	conns atomic.Int64
	_     [120]byte
}

// NewGroup makes n shards that have no IO yet and no logs.
func NewGroup(n int, cfg Config, lines *Lines, space *Space, host Host, log *zap.Logger) *Group {
	g := &Group{cfg: cfg, log: log, host: host, lines: lines, space: space, clients: board.NewClients(), mesh: router.NewMesh[message](n, 0), loads: make([]shardLoad, n)}
	for i := range n {
		id := shardID(i)
		s := &Shard{id: id, g: g, cfg: &g.cfg, replica: replica{owners: router.NewMap(n), own: id, shown: &g.logs}}
		s.started = host.Now()
		s.memory = memory{lines: lines, own: id, claim: &g.readClaim, frames: frameMemory{waiting: &g.framesWaiting}}
		s.port, s.received = g.mesh.Port(id), make([]router.Received[message], messageTurnMax)
		s.reports = reports{log: log.With(zap.Int("shard", i)), process: log, clock: &s.clock, dataDir: cfg.DataDir}
		s.say, s.mailbox, s.hurries.port, s.refused.all = s.reports.log, s.port, s.port, space
		s.credits = credits{port: s.port, all: g.mesh.Credits(), of: make([]creditsFor, n)}
		g.shards = append(g.shards, s)
	}
	return g
}

// Shards are those of the group, by their number. The slice is the group's.
func (g *Group) Shards() []*Shard { return g.shards }

// Beginning is what must be in the metadata before the first client.
type Beginning struct {
	Retired []storage.LogID // files of these are removed in the background
	Highest metadata.LogID  // of all files; numbers up to it are not given out again
	Root    string          // name of the first user; empty: there are users
	RootPHC string
	Serve   bool // clients are accepted then
}

// Begin has shard 0 do what must be done before the first client, one command after the other, and then accept clients. done is called
// on its thread.
func (g *Group) Begin(b Beginning, done func(err error)) {
	g.shards[0].Post(func(s *Shard) {
		s.logs.Files.Remove(b.Retired) // in the background, when clients are served
		s.coordinator.inOrder(s.coordinator.firstCommands(&b), func(err error) {
			if err != nil {
				done(err)
				return
			}
			g.reserveSessions(s, func(err error) {
				if err == nil && b.Serve {
					s.front.Door.Accept()
				}
				done(err)
			})
		})
	})
}

// Sessions begins the numbers of sessions behind those that were given out.
func (g *Group) Sessions(reserved uint64) {
	g.sessions.next.Store(max(1, reserved))
	g.sessions.reserved.Store(0)
}

// reserveSessions has the next block of session numbers reserved. done is called when it is, on shard 0.
func (g *Group) reserveSessions(s *Shard, done func(err error)) {
	upTo := max(g.sessions.next.Load(), s.meta.SessionsReserved()) + sessionsAhead
	s.coordinator.propose(metadata.EncodeReserveSessions(nil, s.micros(), upTo), true, func(err error) {
		g.sessions.asked.Store(false)
		if err == nil {
			g.sessions.reserved.Store(upTo)
		}
		done(err)
	})
}

// wantSessions asks shard 0 to reserve more session numbers. Any shard may call it, as often as it likes.
func (g *Group) wantSessions() {
	if g.sessions.asked.Swap(true) {
		return
	}
	g.shards[0].Post(func(s *Shard) {
		g.reserveSessions(s, func(err error) {
			if err != nil {
				s.log.Error("session numbers could not be reserved", zap.String("event", "sessions_not_reserved"), zap.Error(err))
			}
		})
	})
}

// FindUser says on shard 0's thread whether there is such a user.
func (g *Group) FindUser(user metadata.Ident, done func(err error)) {
	g.shards[0].Post(func(s *Shard) {
		_, err := s.meta.Accounts.User(user)
		done(err)
	})
}

// ResetPassword gives a user another password, deletes the user's tokens and switches the user on. done is called on shard 0's thread.
func (g *Group) ResetPassword(user metadata.Ident, phc string, done func(err error)) {
	g.shards[0].Post(func(s *Shard) {
		s.coordinator.propose(metadata.EncodeResetPassword(nil, s.micros(), user, phc), false, done)
	})
}

// Place chooses the owners of logs, in their order.
func (g *Group) Place(logs []*storage.LogState) *router.Map {
	owners := router.NewMap(len(g.shards))
	for _, l := range logs {
		owners.Set(router.LogID(l.ID), router.Place(g.placement(owners), router.LogID(l.ID)))
	}
	return owners
}

// placement is what the placing of new logs looks at.
func (g *Group) placement(owners *router.Map) []router.Load {
	loads := make([]router.Load, len(g.shards))
	for i := range loads {
		loads[i].Logs = owners.Count(shardID(i))
	}
	return loads
}

// connEnded counts a connection that a shard has closed.
func (g *Group) connEnded(id shardID) {
	g.conns.Add(-1)
	g.loads[id].conns.Add(-1)
}

// SetIO gives the shard its IO. It is closed by whoever opened it.
func (s *Shard) SetIO(io uring.IO) {
	s.io = io
	s.front = newFront(s)
	s.conns = connections{all: s.g, at: s.id, io: io, front: s.front, out: s.port, say: &s.reports}
	s.front.Door.Use(s.listener)
}

// ID is the shard's number.
func (s *Shard) ID() router.ShardID { return s.id }
