package scenes

import "math/rand/v2"

// dice is a source of chance.
type dice struct{ *rand.Rand }

// newDice gives the same throws for the same seed.
func newDice(seed uint64) dice {
	return dice{rand.New(rand.NewPCG(seed, 0x5917))} //nolint:gosec // a test must be repeatable
}

// once in n throws.
func (d dice) once(n int) bool { return d.IntN(n) == 0 }

// between gives lo to hi, both possible.
func (d dice) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// pick gives one of the choices.
func pick[T any](d dice, choices ...T) T { return choices[d.IntN(len(choices))] }
