package main

import (
	"fmt"
	"strconv"
	"strings"
)

// find returns the value of the series with the name and the label in a text exposition.
func find(exposition, name, label string) (float64, error) {
	for line := range strings.Lines(exposition) {
		labels, ok := strings.CutPrefix(line, name+"{")
		if !ok {
			continue
		}
		labels, value, ok := strings.Cut(labels, "} ")
		if !ok || !strings.Contains(","+labels+",", ","+label+",") {
			continue
		}
		return strconv.ParseFloat(strings.TrimSpace(value), 64)
	}
	return 0, fmt.Errorf("there is no %s with %s", name, label)
}
