package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"spillway/internal/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// read returns the notes so far.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func (d *diary) part(name string, takes time.Duration, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(takes)
		d.note(name)
		return err
	}
}

func TestPartsStopInReverseOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		g := lifecycle.New(zap.NewNop())
		g.Add("http", time.Second, d.part("http", 0, nil))
		g.Add("flow", 30*time.Second, d.part("flow", 10*time.Second, context.Canceled))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got := d.read(); !slices.Equal(got, []string{"flow", "http"}) {
			t.Fatalf("stopped in the order %v", got)
		}
	})
}

func TestAPartThatFailsStopsTheOthersAndItsNameIsInTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		broken := errors.New("broken pipe")
		g := lifecycle.New(zap.NewNop())
		g.Add("http", time.Second, d.part("http", 0, nil))
		g.Add("flow", time.Second, func(context.Context) error { return broken })
		err := g.Run(t.Context())
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "flow: broken pipe") {
			t.Fatalf("got %v", err)
		}
		if got := d.read(); !slices.Equal(got, []string{"http"}) {
			t.Fatalf("http was not stopped: %v", got)
		}
	})
}

func TestAPartThatHangsIsLeftAfterItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		g := lifecycle.New(zap.NewNop())
		g.Add("http", time.Second, d.part("http", 0, nil))
		g.Add("flow", 5*time.Second, d.part("flow", time.Minute, nil))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		err := g.Run(ctx)
		if err == nil || !strings.Contains(err.Error(), "flow did not stop within 5s") {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Fatalf("took %s", took)
		}
		if got := d.read(); !slices.Equal(got, []string{"http"}) {
			t.Fatalf("http was not stopped: %v", got)
		}
		time.Sleep(time.Minute) // Lets the part that was left behind end inside the bubble.
	})
}
