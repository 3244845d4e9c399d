package router

// Load is what a shard carries, as its placing sees it.
type Load struct {
	BusyPermille int // of its core's time, lately
	Logs         int // logs it owns, those placed a moment ago included
}

// newLogPermille is what a log is taken to cost before anything was measured: a hundredth of a core. It spreads the
// partitions of a new topic over all shards, and lets a fully busy core fall behind an idle one by a hundred logs.
const newLogPermille = 10

// Place picks the shard for a new log: the one with the least load, and among equals the one that a hash of log and
// shard prefers, so that the first logs of many small installations do not all land on shard 0. The same loads and log
// give the same shard everywhere. loads has one entry per shard and is not empty.
func Place(loads []Load, log LogID) ShardID {
	best, bestCost, bestRank := 0, loads[0].cost(), rank(log, 0)
	for i := 1; i < len(loads); i++ {
		cost := loads[i].cost()
		if cost > bestCost {
			continue
		}
		if r := rank(log, i); cost < bestCost || r > bestRank {
			best, bestCost, bestRank = i, cost, r
		}
	}
	return ShardID(best)
}

func (l Load) cost() int { return l.BusyPermille + l.Logs*newLogPermille }

// rank mixes log and shard into a number that is as good as random (the finaliser of splitmix64).
func rank(log LogID, shard int) uint64 {
	x := uint64(log)*0x9E3779B97F4A7C15 + uint64(shard+1)*0xD1B54A32D192ED03
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
