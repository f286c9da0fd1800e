package load

import "sync"

// The retry budget: 100 retries at once, and one more for every 10 requests that succeeded. A server in trouble is
// asked at most 1.1 times as often as a healthy one.
const (
	budgetMax     = 100.0
	budgetDeposit = 0.1
)

// budget bounds the retries of a whole run. It is safe for concurrent use.
type budget struct {
	mu     sync.Mutex
	tokens float64
}

func newBudget() *budget { return &budget{tokens: budgetMax} }

func (b *budget) deposit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(budgetMax, b.tokens+budgetDeposit)
}

// withdraw takes one retry out, if there is one.
func (b *budget) withdraw() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
