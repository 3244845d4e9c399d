package control

// propose puts a command behind those that wait, unless it would be refused for want of space.
func (c *Control) propose(q command) {
	q.WhenShort = q.WhenShort || q.Retires.Frees()
	c.enqueue(q)
	c.next()
}

func (c *Control) enqueue(q command) {
	refuses := c.facts.Refuses
	if q.WhenShort {
		refuses = c.facts.RefusesFree
	}
	if refuses != nil {
		c.answer(q, refuses)
		return
	}
	c.queue.Push(q)
}

// shed refuses what waits and would be refused for want of space when its turn came.
func (c *Control) shed() {
	if !c.facts.Short || c.queue.Len() == 0 {
		return
	}
	for k := c.queue.Len(); k > 0 && c.queue.Len() > 0; k-- {
		c.enqueue(c.queue.Pop())
	}
	if c.queue.Len() > 0 { // it frees space, and waits for the command in progress
		c.emit(Effect{Kind: EffectWantSpace})
	}
}

// next begins with the next command if none is in progress. A snapshot that is due begins before: clients that send commands without a
// pause leave no turn without one.
func (c *Control) next() {
	for c.idle() && c.queue.Len() > 0 {
		q := c.queue.First()
		c.snapshot.maybeBegin(c)
		if c.snapshot.active && c.facts.CommitFree < c.cost(q) {
			return // when the snapshot has ended
		}
		c.queue.Pop()
		if err := c.judge.admit(c, q); err != nil {
			c.answer(q, err)
			continue
		}
		if q.move != nil {
			c.mover.begin(c, q)
			continue
		}
		c.begin(&round{commands: []command{q}})
	}
}

// cost is what a command takes of CommitFree.
func (c *Control) cost(q command) int64 { return int64(len(q.Command)) + c.cfg.EntryBytes }
