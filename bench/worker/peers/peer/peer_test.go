package peer

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryLineIsAnsweredWithAllocationsAndGoroutines(t *testing.T) {
	var out bytes.Buffer
	answer(strings.NewReader("\n\n"), &out)
	var first, second, goroutines uint64
	if n, err := fmt.Sscanf(out.String(), "%d %d\n%d %d\n", &first, &goroutines, &second, &goroutines); n != 4 || err != nil {
		t.Fatalf("answered %q: %v", out.String(), err)
	}
	if first == 0 || second < first || goroutines == 0 {
		t.Errorf("answered %q", out.String())
	}
}

func TestHandlingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		Options{}.Handle(t.Context())
		if took := time.Since(begin); took != 0 {
			t.Errorf("no work took %s", took)
		}
		Options{Work: time.Second}.Handle(t.Context())
		if took := time.Since(begin); took != time.Second {
			t.Errorf("a second of work took %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		Options{Work: time.Second}.Handle(ctx)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("cancelled work took %s", took-time.Second)
		}
	})
}
