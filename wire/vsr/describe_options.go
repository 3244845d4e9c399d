package vsr

import "github.com/galgo-mq/galgo/wire"

// DESCRIBE_OPTIONS (13), a read: which options the server accepts for a scope.
//
//	scope   u8   1 topic, 2 stream, 3 user; StatusInvalidCommand for others
//
// Reply: count u32, then per option: key str8, kind u8, default bytes32 (a value of that kind), description str32.

// DecodeDescribeOptions decodes the body of the request.
func DecodeDescribeOptions(body []byte) (d wire.DescribeOptions, err error) {
	r := reader{p: body}
	d.Scope = wire.OptionScope(r.u8())
	if d.Scope < wire.ScopeTopic || d.Scope > wire.ScopeUser {
		r.fail()
	}
	return d, r.err()
}

// AppendDescribeOptions appends the body of the request.
func AppendDescribeOptions(dst []byte, d wire.DescribeOptions) []byte {
	return append(dst, byte(d.Scope))
}

// AppendDescribeOptionsReply appends the body of the reply.
func AppendDescribeOptionsReply(dst []byte, options []wire.OptionDescription) []byte {
	dst = append32(dst, uint32(len(options)))
	for _, o := range options {
		dst = append8(dst, o.Key)
		dst = append(dst, byte(o.Kind))
		dst = appendBytes32(dst, o.Default)
		dst = appendBytes32(dst, o.Description)
	}
	return dst
}

// DecodeDescribeOptionsReply decodes the body of the reply. Default values are views of it.
func DecodeDescribeOptionsReply(body []byte) (options []wire.OptionDescription, err error) {
	r := reader{p: body}
	for count := r.u32(); count > 0 && r.err() == nil; count-- {
		options = append(options, wire.OptionDescription{
			Key: string(r.str8()), Kind: wire.ValueKind(r.u8()), Default: r.bytes32(), Description: r.str32(),
		})
	}
	return options, r.err()
}
