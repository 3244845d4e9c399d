package sim

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"github.com/galgo-mq/galgo/metadata"
)

// model is what clients know of the broker, and so what it has to keep: a fault is whatever contradicts it.
type model struct {
	topics []*topicModel
	counts Counts
}

// Counts says what a run did, so that one which does nothing does not pass for a good one.
type Counts struct {
	Sent, Acked, Refused, Lost             int // messages; lost: nobody knows what became of them
	Polled, Delivered, Stored, Read        int // messages; offsets stored and asked for
	Topics, Deleted, Joined, Left, Synced  int
	Logins, Resets, Silent, Kills, Cuts    int
	Stops, Starts, StartCrashes            int
	Filled, Missed                         int // disks that got full, starts without a journal
	Evicted, Malformed, Verified, Required int
}

// topicModel is a topic by its name, through its lives: each time that it is made anew.
type topicModel struct {
	name  string
	level metadata.Level
	count int // of partitions, in all lives: which of several unanswered creations was the one makes no difference
	lives []*life
	known lifeState
	stray bool // a command whose answer did not come may still be on its way
	late  int  // likewise an offset of that life, or an earlier one: it may be stored in any life that follows
}

type lifeState uint8

const (
	isGone    lifeState = iota
	isThere             // the last of lives
	isUnknown           // a command's outcome is: the last of lives, or none
)

// life is a topic from its creation to its deletion.
type life struct {
	number    int
	level     metadata.Level
	parts     []*logModel
	mayBeGone bool // a deletion may have ended it
	group     bool // its consumer group is there
}

// key names a message: who sent it, and which of that client's it is.
type key struct {
	client uint32
	number uint64
}

// fate is what is known of a message that was sent.
type fate uint8

const (
	inFlight fate = iota
	unknown       // no answer came, and none will
	refused
	stored
)

// sent is a message that a client has sent.
type sent struct {
	fate   fate
	life   *life
	part   int
	offset uint64
	size   int
}

// logModel is a partition.
type logModel struct {
	at       map[uint64]entry
	offsets  map[uint32]*offsetModel // by consumer
	delivery map[string]*delivery    // by group
	told     uint64                  // behind the highest offset that was told and has to be there
}

// entry is what an offset was told to hold.
type entry struct {
	key      key
	required bool // it must be there
}

// offsetModel is a stored offset: the values that it may have, oldest first.
type offsetModel struct {
	may  []offsetValue
	last int
	none bool // it may not be there at all
	any  bool // any earlier value may be back
}

type offsetValue struct {
	number int // of the command
	value  uint64
	stray  bool // no answer came: it may be stored at any time
}

// issue notes that a value is asked to be stored.
func (o *offsetModel) issue(value uint64) (number int) {
	o.last++
	o.may = append(o.may, offsetValue{number: o.last, value: value})
	return o.last
}

// settle notes that a command was answered: what one client asked before it is over.
func (o *offsetModel) settle(number int) {
	o.none, o.any = false, false
	o.may = slices.DeleteFunc(o.may, func(v offsetValue) bool { return v.number < number && !v.stray })
}

// refuse takes a command back.
func (o *offsetModel) refuse(number int) {
	o.may = slices.DeleteFunc(o.may, func(v offsetValue) bool { return v.number == number })
}

// lost notes that nobody knows what became of a command.
func (o *offsetModel) lost(number int) {
	for i := range o.may {
		o.may[i].stray = o.may[i].stray || o.may[i].number == number
	}
}

func (o *offsetModel) check(value uint64, found bool) error {
	if !found && o.none || o.any || slices.ContainsFunc(o.may, func(v offsetValue) bool { return v.value == value }) && found {
		return nil
	}
	return fmt.Errorf("the stored offset is %d (there: %v), and may be one of %v (none: %v)", value, found, o.may, o.none)
}

// delivery is what a group has had of a partition since the broker started, with commits by themselves.
type delivery struct {
	next  uint64 // behind the highest
	got   map[uint64]bool
	out   int  // polls that are not answered: what they deliver may be told later than what comes behind it
	loose bool // a reply was lost, or the broker has started since: what comes next is not known
	// lost are the connections of polls whose answers were lost; as long as one is not gone its poll may still be done. losses counts them.
	lost   []*Socket
	losses int
}

// fail notes that a poll was refused, which may have delivered something all the same.
func (d *delivery) fail() {
	d.loose = true
	d.losses++
}

// lose notes that no answer will come to a poll on that connection.
func (d *delivery) lose(s *Socket) {
	d.fail()
	d.lost = append(d.lost, s)
}

// begin notes a poll, and returns what it makes certain when it is answered: what comes next, unless another one is lost meanwhile.
func (d *delivery) begin() (certain int) {
	d.out++
	if d.lost = slices.DeleteFunc(d.lost, (*Socket).Gone); len(d.lost) > 0 {
		return -1
	}
	return d.losses
}

// take notes what a poll has delivered: each message once, and none left out. certain is what begin has said: the answer to a poll that was
// sent before another one was lost says nothing of what that one delivered.
func (d *delivery) take(first uint64, n, certain int, gaps bool) error {
	if first > d.next && !gaps && !d.loose && d.out == 0 {
		return fmt.Errorf("the group gets offset %d next, and has had all before %d", first, d.next)
	}
	for o := first; o < first+uint64(n); o++ {
		if d.got[o] {
			return fmt.Errorf("the group gets offset %d twice", o)
		}
		d.got[o] = true
	}
	if end := first + uint64(n); end > d.next {
		d.next = end
	}
	if d.out == 0 && d.losses == certain {
		d.loose = false
	}
	return nil
}

func newLife(n int, level metadata.Level, parts int) *life {
	l := &life{number: n, level: level}
	for range parts {
		l.parts = append(l.parts, newLogModel())
	}
	return l
}

func newLogModel() *logModel {
	return &logModel{at: map[uint64]entry{}, offsets: map[uint32]*offsetModel{}, delivery: map[string]*delivery{}}
}

// offsetOf is the stored offset of a consumer, of which nothing is known if it is new.
func (l *logModel) offsetOf(consumer uint32) *offsetModel {
	o := l.offsets[consumer]
	if o == nil {
		o = &offsetModel{none: true}
		l.offsets[consumer] = o
	}
	return o
}

func (t *topicModel) current() *life {
	if len(t.lives) == 0 {
		return nil
	}
	return t.lives[len(t.lives)-1]
}

// told notes that a message has that offset. An offset that was told is never another message's, and a message has one offset.
func (l *life) told(part int, offset uint64, k key, m *sent, how string) error {
	log := l.parts[part]
	if e, was := log.at[offset]; was && e.key != k {
		return fmt.Errorf("%s: partition %d: offset %d is message %v, and was told to be %v", how, part, offset, k, e.key)
	}
	if m.fate == stored && (m.life != l || m.part != part || m.offset != offset) {
		return fmt.Errorf("%s: message %v is at offset %d of partition %d, and was told to be at %d of %d", how, k, offset, part, m.offset, m.part)
	}
	log.at[offset] = entry{k, true}
	log.told = max(log.told, offset+1)
	m.fate, m.life, m.part, m.offset = stored, l, part, offset
	return nil
}

// lose notes the end of a run that levels below that one do not survive.
func (m *model) lose(survives metadata.Level) {
	for _, t := range m.topics {
		t.stray, t.late = false, 0
		for _, l := range t.lives {
			for _, log := range l.parts {
				if !survivesAt(l.level, survives) {
					log.told = 0
					for o, e := range log.at {
						e.required = false
						log.at[o] = e
					}
					for _, o := range log.offsets {
						o.any, o.none = true, true
					}
				}
				for _, d := range log.delivery {
					d.loose, d.got, d.next, d.out, d.lost = true, map[uint64]bool{}, 0, 0, nil
				}
			}
		}
	}
}

// survivesAt reports whether what was acknowledged at level is there after an end that least survives.
func survivesAt(level, least metadata.Level) bool {
	rank := map[metadata.Level]int{metadata.LevelMemory: 0, metadata.LevelWritten: 1, metadata.LevelPersisted: 2}
	return rank[level] >= rank[least]
}

// payload is what a message says of itself.
const payloadMin = 32

func putPayload(p []byte, life int, part int, k key) {
	le := binary.LittleEndian
	le.PutUint32(p, 0x47414c47)
	le.PutUint32(p[4:], uint32(life))
	le.PutUint32(p[8:], uint32(part))
	le.PutUint32(p[12:], k.client)
	le.PutUint64(p[16:], k.number)
	le.PutUint64(p[24:], uint64(len(p)))
	for i := payloadMin; i < len(p); i++ {
		p[i] = byte(k.number + uint64(i)*uint64(k.client))
	}
}

func readPayload(p []byte) (life, part int, k key, err error) {
	le := binary.LittleEndian
	if len(p) < payloadMin || le.Uint32(p) != 0x47414c47 || le.Uint64(p[24:]) != uint64(len(p)) {
		return 0, 0, k, fmt.Errorf("%d bytes that nobody sent", len(p))
	}
	k = key{le.Uint32(p[12:]), le.Uint64(p[16:])}
	for i := payloadMin; i < len(p); i++ {
		if p[i] != byte(k.number+uint64(i)*uint64(k.client)) {
			return 0, 0, k, fmt.Errorf("message %v is damaged at %d", k, i)
		}
	}
	return int(le.Uint32(p[4:])), int(le.Uint32(p[8:])), k, nil
}

// Add sums another run up.
func (c *Counts) Add(o Counts) {
	a, b := reflect.ValueOf(c).Elem(), reflect.ValueOf(o)
	for i := range a.NumField() {
		a.Field(i).SetInt(a.Field(i).Int() + b.Field(i).Int())
	}
}
