package demo

import "strings"

// bars draws values as columns of blocks, rows lines high, the top line first. top is the value of a full column. A value
// above 0 is seen, however small; one below 0 is unknown and left out.
func bars(values []float64, top float64, rows int) []string {
	steps := []rune(" ▁▂▃▄▅▆▇█")
	full := len(steps) - 1
	lines := make([]string, rows)
	for row := range rows {
		var line strings.Builder
		floor := (rows - 1 - row) * full // The eighths below this row.
		for _, v := range values {
			line.WriteRune(steps[min(max(eighths(v, top, rows*full)-floor, 0), full)])
		}
		lines[row] = line.String()
	}
	return lines
}

func eighths(v, top float64, most int) int {
	if v <= 0 || top <= 0 {
		return 0
	}
	return min(most, max(1, int(v/top*float64(most)+0.5)))
}

// spread gives each of width columns the greatest of the values that fall into it, when the first span values fill the
// whole width. Columns that no value has reached are not returned.
func spread(values []float64, span, width int) []float64 {
	span = max(span, len(values), 1)
	columns := make([]float64, 0, width)
	for i := range width {
		from, to := i*span/width, max((i+1)*span/width, i*span/width+1)
		if from >= len(values) {
			break
		}
		greatest := values[from]
		for _, v := range values[from:min(to, len(values))] {
			greatest = max(greatest, v)
		}
		columns = append(columns, greatest)
	}
	return columns
}
