// Package peek tells from the first bytes of a connection what its peer speaks, as a pure function. It leaves to others what is
// done about it.
package peek

import (
	"encoding/binary"
	"strings"

	"github.com/galgo-mq/galgo/wire"
)

// Kind is what the peer of a connection speaks.
type Kind uint8

const (
	More    Kind = iota // the bytes are too few to tell
	Today               // frames of today's dialect; whether they are right is for its decoder
	Former              // requests of the line of clients before today's
	HTTP                // a request line
	TLS                 // a ClientHello
	Kafka               // a request of that protocol
	Proxy               // the PROXY protocol's header, version 1 or 2
	Unknown             // nothing that is known here
)

func (k Kind) String() string {
	return [...]string{"too few bytes", "today's dialect", "the former dialect (Iggy 0.8)", "HTTP", "TLS", "Kafka", "the PROXY protocol", "nothing known"}[k]
}

// BytesMax is how many bytes decide: with so many the answer is never More.
const BytesMax = wire.FirstBytesMax

// What the first bytes of the candidates are. Today's dialect leaves the checksums in front of its header zero; a request of the
// former one begins with its length, at least 4, and its command.
//
//	             at 0                       at 4
//	today        00 00 00 00                00 00 00 00
//	former       length, little endian      command, below 606, little endian
//	TLS          16 03 00..04 xx            xx 01
//	HTTP         a method in capitals       and a space, within 8
//	Kafka        size, big endian           key, version, 16 bits each, big endian
//	PROXY        "PROXY " or 0d 0a 0d 0a    00 0d 0a 51
//
// A header of today's whose checksum is not zero is known by its size and command, at 48 and 60.
const (
	formerMin     = 4
	formerMax     = 10<<20 + 4 // of every command but send_messages, which nobody begins with
	kafkaMin      = 8
	kafkaMax      = 100 << 20
	kafkaKeys     = 100
	kafkaVersions = 30
	sizePos       = 48
	zeroPos       = 52
	commandPos    = 60
	commandIs     = 5
	todayMin      = 256
)

var methods = []string{"GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE ", "PRI "}

const (
	proxyText  = "PROXY "
	proxyBytes = "\r\n\r\n\x00\r\nQUIT\n"
)

// Look tells what p is the beginning of. max is the largest frame of today's dialect. More bytes change no answer but More.
func Look(p []byte, max int) Kind {
	p = p[:min(len(p), BytesMax)]
	if k, sure := byText(string(p)); sure {
		return k
	}
	switch {
	case len(p) == 0:
		return More
	case p[0] == 0x16 && len(p) < 6:
		return More
	case p[0] == 0x16 && p[1] == 3 && p[2] <= 4 && p[5] == 1:
		return TLS
	case len(p) < 8:
		return More
	}
	first, second := binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])
	size, key, version := binary.BigEndian.Uint32(p), binary.BigEndian.Uint16(p[4:]), binary.BigEndian.Uint16(p[6:])
	switch {
	case first == 0:
		return Today
	case first >= formerMin && first <= formerMax && second < 1<<16:
		return Former // its commands, and others that it may have
	case size >= kafkaMin && size <= kafkaMax && key <= kafkaKeys && version <= kafkaVersions:
		return Kafka
	case printable(p):
		return Unknown
	case len(p) < BytesMax:
		return More
	}
	n := binary.LittleEndian.Uint32(p[sizePos:])
	if n >= todayMin && uint64(n) <= uint64(max) && binary.LittleEndian.Uint64(p[zeroPos:]) == 0 && p[commandPos] == commandIs {
		return Today
	}
	return Unknown
}

// Is makes the recogniser of a kind.
func Is(kind Kind) wire.Recogniser {
	return func(p []byte, frameMax int) wire.Verdict {
		switch Look(p, frameMax) {
		case kind:
			return wire.Mine
		case More:
			return wire.NeedMore
		}
		return wire.NotMine
	}
}

// byText finds what begins with words. Not sure: others have to tell.
func byText(p string) (k Kind, sure bool) {
	for _, m := range methods {
		if strings.HasPrefix(p, m) {
			return HTTP, true
		}
		if p != "" && strings.HasPrefix(m, p) {
			return More, true
		}
	}
	for _, m := range []string{proxyText, proxyBytes} {
		if strings.HasPrefix(p, m) {
			return Proxy, true
		}
		if p != "" && strings.HasPrefix(m, p) {
			return More, true
		}
	}
	return More, false
}

// printable reports whether p is text: today's frames and those of other protocols of machines are not.
func printable(p []byte) bool {
	for _, b := range p[:8] {
		if (b < ' ' || b > '~') && b != '\r' && b != '\n' && b != '\t' {
			return false
		}
	}
	return true
}
