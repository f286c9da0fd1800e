package scenes

import (
	"math/rand/v2"
	"time"
)

// dice is a source of chance.
type dice struct{ *rand.Rand }

// newDice gives the same throws for the same seed.
func newDice(seed uint64) dice {
	return dice{rand.New(rand.NewPCG(seed, 0x5917))} //nolint:gosec // a test must be repeatable
}

// once in n throws.
func (d dice) once(n int) bool { return d.IntN(n) == 0 }

// between gives lo to hi, both possible.
func (d dice) between(lo, hi int32) int32 { return lo + d.Int32N(hi-lo+1) }

// upTo gives 0 to so many seconds.
func (d dice) upTo(seconds int32) time.Duration {
	return time.Duration(d.between(0, seconds)) * time.Second
}

// pick gives one of the choices.
func pick[T any](d dice, choices ...T) T { return choices[d.IntN(len(choices))] }
