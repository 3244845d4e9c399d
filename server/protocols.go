package server

import (
	"fmt"

	"github.com/galgo-mq/galgo/front"
	"github.com/galgo-mq/galgo/wire/classic"
	"github.com/galgo-mq/galgo/wire/peek"
	"github.com/galgo-mq/galgo/wire/vsr"
)

// Protocols are those that a server looks for in the first bytes of a connection, unless it is given others: today's dialect, which is
// served, and what others speak who reach the port. Those get an answer that says so, where there is one that all of them would read.
func Protocols() []front.Protocol {
	return []front.Protocol{
		{Name: peek.Today.String(), Recognise: peek.Is(peek.Today), Dialect: vsr.Dialect{}},
		{Name: peek.Former.String(), Recognise: peek.Is(peek.Former), Dialect: classic.Dialect{}},
		{Name: peek.HTTP.String(), Recognise: peek.Is(peek.HTTP), Answer: httpAnswer},
		{Name: peek.TLS.String(), Recognise: peek.Is(peek.TLS), Answer: tlsAlert},
		{Name: peek.Kafka.String(), Recognise: peek.Is(peek.Kafka)},
		{Name: peek.Proxy.String(), Recognise: peek.Is(peek.Proxy)},
	}
}

const (
	// tlsAlert is a fatal handshake_failure: RFC 8446, 6.2.
	tlsAlert = "\x15\x03\x01\x00\x02\x02\x28"

	httpText = "This port speaks the binary protocol of Apache Iggy over TCP, and no HTTP.\nUse " + front.UseClients + ".\n"
)

var httpAnswer = fmt.Sprintf("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
	len(httpText), httpText)
