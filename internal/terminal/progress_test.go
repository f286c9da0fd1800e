package terminal_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"spillway/internal/terminal"
)

func TestProgressIsALineEveryFiveSecondsOutsideATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		begin := time.Now()
		var out bytes.Buffer
		terminal.Progress(ctx, &out, func(now time.Time) string { return now.Sub(begin).String() })
		if want := "5s\n10s\n"; out.String() != want {
			t.Fatalf("got %q, want %q", out.String(), want)
		}
	})
}
