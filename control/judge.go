package control

import (
	"time"

	"github.com/galgo-mq/galgo/metadata"
)

const (
	logHeapBytes = 2 << 10     // what the owner of an empty partition keeps in the heap
	metaSayPause = time.Minute // the least time between two reports of metadata that was refused
)

// judge judges commands when their turn has come.
type judge struct {
	sayBytes int64 // when to say again that metadata is refused
}

// admit judges a command once more, as the state is now that its turn has come: the caller's rights, and what is limited. b is what comes
// on top of the state; where that is something, an error may only mean that it is in doubt.
func (j *judge) admit(c *Control, q command, b beside) error {
	if err := q.Judgement.Pass(c.meta); err != nil {
		return err
	}
	if q.Quota != nil && q.Quota.Within != nil {
		limits := c.cfg.Limits.Less(b.commands)
		if err := q.Quota.Within(&limits, c.meta, q.Judgement.User, &q.Demand); err != nil {
			return err
		}
	}
	return j.roomForMetadata(c, q, b)
}

// roomForMetadata judges whether what a client's command adds has room in the line of metadata.
func (j *judge) roomForMetadata(c *Control, q command, b beside) error {
	if q.Quota == nil || q.Quota.TooMany == nil || q.Quota.Exists != nil && q.Quota.Exists(&q.Demand, c.meta) {
		return nil // the broker's own, or the command's own refusal
	}
	more, logs := c.meta.Growth(q.Command)
	if more == 0 {
		return nil
	}
	need := c.bytes(more+b.bytes, logs+b.logs)
	if need <= c.cfg.Limits.Bytes {
		return nil
	}
	if b.commands == 0 && c.facts.Mono >= j.sayBytes {
		j.sayBytes = c.facts.Mono + int64(metaSayPause)
		c.emit(Effect{Kind: EffectReport, Report: ReportMetadataFull, Proposal: q.Proposal, Bytes: need, Max: c.cfg.Limits.Bytes})
	}
	return &metadata.Full{TooMany: q.Quota.TooMany}
}

// bytes is what the state takes in this process, with so much more of it.
func (c *Control) bytes(more, moreLogs int) int64 {
	copies := int64(c.cfg.Shards) + 1
	return int64(c.meta.Bytes()+more)*copies + int64(c.meta.LogCount()+moreLogs)*logHeapBytes
}
