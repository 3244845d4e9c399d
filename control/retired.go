package control

import (
	"github.com/galgo-mq/galgo/fifo"
	"github.com/galgo-mq/galgo/metadata"
)

// retired takes logs off the list of retired ones when their files are gone.
type retired struct {
	gone    fifo.Queue[metadata.LogID]
	forgets bool // a command that takes some off is on its way
}

// forgetMax is how many logs a command takes off the list.
const forgetMax = 1024

// forget notes that the files of retired logs are gone.
func (r *retired) forget(c *Control, logs []metadata.LogID) {
	for _, id := range logs {
		r.gone.Push(id)
	}
	r.propose(c)
}

func (r *retired) propose(c *Control) {
	if r.forgets || r.gone.Len() == 0 || c.facts.Stopping {
		return
	}
	r.forgets = true
	cmd := metadata.EncodeForgetLogs(nil, c.facts.Micros, r.gone.PopN(nil, forgetMax)...)
	c.own(metadata.Proposal{Command: cmd, WhenShort: true}, func(err error) {
		r.forgets = false
		if err != nil {
			c.emit(Effect{Kind: EffectReport, Report: ReportNotForgotten, Err: err})
			return
		}
		r.propose(c)
	})
}
