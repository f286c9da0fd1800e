package run

import (
	"fmt"
	"io"
	"slices"
)

// Row is one figure.
type Row struct {
	Name  string
	Value float64
	Unit  string
}

// Rows are the figures of a benchmark.
type Rows []Row

// Value returns the figure of a name, or 0.
func (r Rows) Value(name string) float64 {
	i := slices.IndexFunc(r, func(row Row) bool { return row.Name == name })
	if i < 0 {
		return 0
	}
	return r[i].Value
}

// Write prints a heading and then each row as name, value, unit.
func (r Rows) Write(out io.Writer) {
	fmt.Fprintln(out, "=== rows")
	for _, row := range r {
		format := "%s %.0f %s\n"
		if row.Value < 100 {
			format = "%s %.3f %s\n"
		}
		fmt.Fprintf(out, format, row.Name, row.Value, row.Unit)
	}
}

// Median returns the middle of the values, the upper one of two. There must be one.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
