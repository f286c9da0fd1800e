// Command replay compares package hpa with what the real controller did in the traces of a file, one JSON object after the other, up to the first
// difference. Its exit code says how that went: 0 for none, 3 for one.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"spillway/hpa-conformance/trace"
)

const (
	exitFault      = 1
	exitDifference = 3
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: replay FILE")
		os.Exit(exitFault)
	}
	if err := replay(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if _, ok := errors.AsType[*trace.DifferenceError](err); ok {
			os.Exit(exitDifference)
		}
		os.Exit(exitFault)
	}
}

func replay(path string, out io.Writer) error {
	file, err := os.Open(path) //nolint:gosec // the caller names the file
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // It was only read.
	decoder, decisions := json.NewDecoder(bufio.NewReader(file)), 0
	for {
		var t trace.Trace
		if err := decoder.Decode(&t); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		if d := trace.Replay(&t, nil); d != nil {
			return fmt.Errorf("seed %d: %w", t.Seed, d)
		}
		decisions += len(t.Steps)
	}
	fmt.Fprintf(out, "%d decisions, no difference\n", decisions)
	return nil
}
