package main

import (
	"fmt"
	"io"
	"slices"
)

// row is one figure.
type row struct {
	name  string
	value float64
	unit  string
}

type rows []row

// add keeps a figure for the rows and shows it as progress.
func (b *bench) add(name string, value float64, unit string) {
	b.rows = append(b.rows, row{name, value, unit})
	fmt.Fprintf(b.out, "%s %.4g %s\n", name, value, unit)
}

func (r rows) value(name string) float64 {
	i := slices.IndexFunc(r, func(row row) bool { return row.name == name })
	if i < 0 {
		return 0
	}
	return r[i].value
}

func (r rows) write(out io.Writer) {
	fmt.Fprintln(out, "=== rows")
	for _, row := range r {
		format := "%s %.0f %s\n"
		if row.value < 100 {
			format = "%s %.3f %s\n"
		}
		fmt.Fprintf(out, format, row.name, row.value, row.unit)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
