package control

import "github.com/galgo-mq/galgo/metadata"

// tokens has those removed whose time has come.
type tokens struct {
	next    int64 // when to look again
	expires bool  // a command that removes them is on its way
}

func (t *tokens) expire(c *Control) {
	if c.facts.Mono < t.next || t.expires || c.facts.Stopping {
		return
	}
	t.next = c.facts.Mono + int64(c.cfg.TokenCleanerInterval)
	if at := c.meta.Accounts.TokensExpireAt(); at == 0 || at > c.facts.Micros {
		return
	}
	t.expires = true
	c.own(metadata.Proposal{Command: metadata.EncodeExpireTokens(nil, c.facts.Micros)}, func(error) { t.expires = false })
}
