package sim

const (
	before    = 300 // Seconds that the rate before a step is taken over,
	after     = 60  // that after it,
	shortly   = 600 // and within which its peak is looked for.
	stepRatio = 1.5
)

// WithOnset returns the trace with its steepest step as the onset: the second at which the minute that begins is furthest above the five minutes
// that end, by half at least. Without such a step there is none.
func (tr Trace) WithOnset() Trace {
	tr.Onset, tr.Peak = 0, 0
	sums := make([]float64, len(tr.Arrived)+1)
	for t, rate := range tr.Arrived {
		sums[t+1] = sums[t] + rate
	}
	mean := func(from, to int) float64 { return (sums[to] - sums[from]) / float64(to-from) }
	steepest := stepRatio
	for t := before; t+after <= len(tr.Arrived); t++ {
		if old := mean(t-before, t); mean(t, t+after) > steepest*old && old > 0 && tr.Arrived[t] > tr.Arrived[t-1] {
			steepest, tr.Onset = mean(t, t+after)/old, t
		}
	}
	if tr.Onset > 0 {
		for t := tr.Onset; t < tr.Onset+shortly && t+after <= len(tr.Arrived); t++ {
			tr.Peak = max(tr.Peak, mean(t, t+after))
		}
	}
	return tr
}
