package fault

import (
	"fmt"
	"os"
	"time"
)

// account is what became of the messages of a case.
type account struct {
	published, unique, lost, duplicated, phantom int
	last                                         time.Time // effect of what was published before the last fault ended
}

// settleUp compares the four ledgers: published, effects, dead-lettered, left in the subscription. The first before
// messages were published before the last fault ended.
func settleUp(published []string, before int, effects []effect, dead, left map[string]bool) account {
	count, old := map[string]int{}, map[string]bool{}
	for _, id := range published[:before] {
		old[id] = true
	}
	a := account{published: len(published)}
	for _, e := range effects {
		count[e.id]++
		if old[e.id] {
			a.last = e.at
		}
	}
	a.unique = len(count)
	a.duplicated = len(effects) - len(count)
	known := make(map[string]bool, len(published))
	for _, id := range published {
		known[id] = true
		if count[id] == 0 && !dead[id] && !left[id] {
			a.lost++
		}
	}
	for id := range count {
		if !known[id] {
			a.phantom++
		}
	}
	return a
}

// say prints the one line of a case. It goes to standard output even where tests are quiet.
func (a *account) say(name string, bound int, recovery time.Duration, seed uint64) {
	fmt.Fprintf(os.Stdout, "fault %s published=%d unique=%d lost=%d duplicated=%d bound=%d recovery_seconds=%.1f seed=%d\n",
		name, a.published, a.unique, a.lost, a.duplicated, bound, recovery.Seconds(), seed)
}

// inversions counts the keys whose messages had their first effects in another order than they were published in.
func inversions(published []string, effects []effect) int {
	place := make(map[string]int, len(published))
	for i, id := range published {
		place[id] = i
	}
	seen, newest, bad := map[string]bool{}, map[string]int{}, map[string]bool{}
	for _, e := range effects {
		if seen[e.id] {
			continue
		}
		seen[e.id] = true
		if at, ok := newest[e.key]; ok && at > place[e.id] {
			bad[e.key] = true
		}
		newest[e.key] = max(newest[e.key], place[e.id])
	}
	return len(bad)
}

// jain is the fairness index of Jain, Chiu and Hawe: 1 when all shares are equal, 1/n when one has everything.
func jain(shares []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(shares)) * squares)
}
