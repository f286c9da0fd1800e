// Package peer is what the small consumers have in common that the worker is measured beside: flags, the work, and answers
// to who measures.
package peer

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// Options say what to consume and how.
type Options struct {
	Project      string
	Subscription string // short ID
	// Outstanding is how many messages may be leased and handled at once.
	Outstanding int
	// Work is how long the handling of a message waits.
	Work time.Duration
}

// Main consumes until the program is killed, and answers every line on standard input with a line of figures. It exits when
// consuming fails.
func Main(consume func(context.Context, Options) error) {
	var o Options
	flag.StringVar(&o.Project, "project", "", "project of the subscription")
	flag.StringVar(&o.Subscription, "subscription", "", "short ID of the subscription")
	flag.IntVar(&o.Outstanding, "outstanding", 1000, "messages leased at once")
	flag.DurationVar(&o.Work, "work-duration", 0, "how long each message waits")
	flag.Parse()
	go answer(os.Stdin, os.Stdout)
	if err := consume(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "consuming:", err)
	}
	os.Exit(1) //nolint:forbidigo // this is the main function of every peer
}

// answer writes the allocations so far and the goroutines of now for each line that it reads.
func answer(in io.Reader, out io.Writer) {
	var memory runtime.MemStats
	for lines := bufio.NewScanner(in); lines.Scan(); {
		runtime.ReadMemStats(&memory)
		fmt.Fprintln(out, memory.Mallocs, runtime.NumGoroutine())
	}
}

// Handle is the work on one message: it waits as the worker's built-in handlers do.
func (o Options) Handle(ctx context.Context) {
	if o.Work <= 0 {
		return
	}
	timer := time.NewTimer(o.Work)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
