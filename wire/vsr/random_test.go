package vsr

import (
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/galgo-mq/galgo/wire"
)

// seeded is chance that can be had again: with GALGO_SEED set to the seed that a failed test has printed.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("GALGO_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("GALGO_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// fill gives v, a value of one of wire's forms, a random legal content.
func fill(rng *rand.Rand, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *wire.Identifier:
		if *p = wire.Numbered(rng.Uint32()); rng.IntN(2) == 0 {
			*p = wire.Identifier{Kind: wire.ByName, Name: name(rng)}
		}
		return
	case *wire.ConsumerKind:
		*p = wire.ConsumerKind(1 + rng.IntN(2))
		return
	case *wire.PartitionChoice:
		if rng.IntN(2) == 0 {
			*p = wire.InPartition(rng.Uint32())
		}
		return
	case *wire.Partitioning:
		*p = []wire.Partitioning{{Kind: wire.Balanced}, {Kind: wire.ToPartition, Partition: rng.Uint32()},
			{Kind: wire.ByKey, Key: name(rng)}}[rng.IntN(3)]
		return
	case *wire.StrategyKind:
		*p = wire.StrategyKind(1 + rng.IntN(5))
		return
	case *wire.Ack:
		*p = wire.Ack(rng.IntN(2))
		return
	case *wire.NodeRole:
		*p = wire.NodeRole(rng.IntN(2))
		return
	case *wire.NodeStatus:
		*p = wire.NodeStatus(rng.IntN(5))
		return
	case *wire.SnapshotCompression:
		*p = wire.SnapshotCompression(1 + rng.IntN(6))
		return
	case *[]wire.SnapshotType:
		if rng.IntN(4) == 0 {
			*p = []wire.SnapshotType{wire.SnapshotAll}
			return
		}
		for range rng.IntN(4) {
			*p = append(*p, wire.SnapshotType(1+rng.IntN(6)))
		}
		return
	case **wire.Permissions:
		if rng.IntN(4) != 0 {
			*p = permissions(rng)
		}
		return
	case *wire.OptionScope:
		*p = wire.OptionScope(1 + rng.IntN(3))
		return
	case *wire.ValueKind:
		*p = wire.ValueKind(1 + rng.IntN(15))
		return
	case *[]wire.Option:
		for i := range rng.IntN(4) {
			*p = append(*p, wire.Option{Key: append(name(rng)[:1], byte('0'+i)), Kind: wire.ValueKind(1 + rng.IntN(15)), Value: name(rng)})
		}
		return
	case *wire.Login:
		*p = wire.Login{Protocol: Protocol + uint32(rng.IntN(1024)), SDKName: name(rng), SDKVersion: name(rng)}
		if p.ByToken = rng.IntN(2) == 0; p.ByToken {
			p.Token = name(rng)
		} else {
			p.Username, p.Password = name(rng), name(rng)
		}
		return
	}
	fillPlain(rng, v)
	agree(v)
}

func fillPlain(rng *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rng, v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(name(rng))
			return
		}
		for range rng.IntN(4) {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			fill(rng, v.Index(v.Len()-1))
		}
	case reflect.String:
		v.SetString(string(name(rng)))
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Float32:
		v.SetFloat(float64(rng.Float32()))
	default: // an unsigned integer; small ones often enough, and never 0 for what must not be
		v.SetUint(max(1, rng.Uint64()>>(64-v.Type().Bits())>>rng.IntN(8)))
	}
}

// agree makes the counts of what holds lists those of the lists.
func agree(v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *wire.StreamDetails:
		p.TopicsCount = uint32(len(p.Topics))
	case *wire.TopicDetails:
		p.PartitionsCount = uint32(len(p.Partitions))
	case *wire.ClientDetails:
		p.GroupsCount = uint32(len(p.Memberships))
	case *wire.ConsumerGroupDetails:
		p.MembersCount = uint32(len(p.Members))
	case *wire.UpdateUser:
		if !p.HasUsername {
			p.Username = nil
		}
		if !p.HasStatus {
			p.Status = 0
		}
	}
}

func permissions(rng *rand.Rand) *wire.Permissions {
	p := &wire.Permissions{Global: uint16(rng.IntN(1 << globalFlags))}
	id := uint32(0)
	for range rng.IntN(4) {
		id += 1 + rng.Uint32N(1<<29)
		s := wire.StreamPermissions{ID: id, Rights: uint8(rng.IntN(1 << streamFlags))}
		topic := uint32(0)
		for range rng.IntN(4) {
			topic += 1 + rng.Uint32N(1000)
			s.Topics = append(s.Topics, wire.TopicPermissions{ID: topic, Rights: uint8(rng.IntN(1 << topicFlags))})
		}
		p.Streams = append(p.Streams, s)
	}
	return p
}

// name is 1 to 20 bytes, seldom 255, of UTF-8.
func name(rng *rand.Rand) []byte {
	n := 1 + rng.IntN(20)
	if rng.IntN(20) == 0 {
		n = 255
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = byte('a' + rng.IntN(26))
	}
	return out
}

// hasNaN says whether a comparison with v would fail because of a float that equals nothing.
func hasNaN(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Float32:
		return math.IsNaN(v.Float())
	case reflect.Struct:
		for i := range v.NumField() {
			if hasNaN(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if hasNaN(v.Index(i)) {
				return true
			}
		}
	}
	return false
}
