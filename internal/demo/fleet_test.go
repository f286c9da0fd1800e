package demo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// crew plays workers: each serves after a second, drains for two, and dies when it is told to.
type crew struct {
	mu      sync.Mutex
	diary   []string
	started map[string]int
	kill    map[string]chan error
}

func newCrew() *crew { return &crew{started: map[string]int{}, kill: map[string]chan error{}} }

func (c *crew) worker(name string) runner {
	return func(ctx context.Context, serving func(string)) error {
		die := c.begin(name)
		select {
		case <-time.After(time.Second):
			serving("127.0.0.1:1" + name[len("worker-"):])
		case <-ctx.Done():
			return nil
		}
		select {
		case err := <-die:
			return err
		case <-ctx.Done():
		}
		time.Sleep(2 * time.Second)
		c.note("stopped " + name)
		return nil
	}
}

func (c *crew) begin(name string) <-chan error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started[name]++
	c.diary = append(c.diary, "started "+name)
	c.kill[name] = make(chan error, 1)
	return c.kill[name]
}

func (c *crew) note(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.diary = append(c.diary, line)
}

func (c *crew) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.diary)
}

// die ends a worker that serves.
func (c *crew) die(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kill[name] <- err
}

func (c *crew) starts(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started[name]
}

func expectReplicas(t *testing.T, f *Fleet, want Replicas) {
	t.Helper()
	if diff := cmp.Diff(want, f.Replicas()); diff != "" {
		t.Error(diff)
	}
}

func TestTheFleetGrowsAndShrinksFromItsNewestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		f := NewFleet(c.worker, nil)
		f.Scale(t.Context(), 4)
		expectReplicas(t, f, Replicas{Wanted: 4})
		time.Sleep(1500 * time.Millisecond)
		expectReplicas(t, f, Replicas{Wanted: 4, Serving: 4})

		f.Scale(t.Context(), 2)
		synctest.Wait()
		expectReplicas(t, f, Replicas{Wanted: 2, Serving: 2, Draining: 2})
		f.Scale(t.Context(), 3) // A new worker takes no old one's place.
		time.Sleep(2500 * time.Millisecond)
		expectReplicas(t, f, Replicas{Wanted: 3, Serving: 3})
		if want := [][2]string{{"worker-1", "127.0.0.1:11"}, {"worker-2", "127.0.0.1:12"}, {"worker-5", "127.0.0.1:15"}}; !slices.Equal(f.Addresses(), want) {
			t.Errorf("serving: %v", f.Addresses())
		}
		stopped := slices.DeleteFunc(slices.Sorted(slices.Values(c.lines())), func(s string) bool { return s[:5] == "start" })
		if !slices.Equal(stopped, []string{"stopped worker-3", "stopped worker-4"}) {
			t.Errorf("diary %v", c.lines())
		}

		f.Stop(t.Context())
		expectReplicas(t, f, Replicas{})
		if len(f.Faults()) != 0 {
			t.Errorf("faults %v", f.Faults())
		}
	})
}

func TestAWorkerThatDiesIsReportedAndReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		f := NewFleet(c.worker, nil)
		f.Scale(t.Context(), 2)
		time.Sleep(2 * time.Second)
		c.die("worker-2", errors.New("worker-2: signal: killed"))
		synctest.Wait()
		expectReplicas(t, f, Replicas{Wanted: 2, Serving: 1})
		time.Sleep(restartPause + 2*time.Second)
		expectReplicas(t, f, Replicas{Wanted: 2, Serving: 2})
		if !slices.Equal(f.Faults(), []string{"worker-2: signal: killed"}) || c.starts("worker-2") != 2 {
			t.Errorf("faults %v, started %v", f.Faults(), c.starts("worker-2"))
		}
		f.Stop(t.Context())
	})
}

func TestAKilledWorkerComesBackUnderItsNameAndIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		f := NewFleet(c.worker, nil)
		if _, err := f.Kill(""); err == nil || err.Error() != "any worker does not serve at the moment" {
			t.Errorf("killing nobody: %v", err)
		}
		f.Scale(t.Context(), 3)
		time.Sleep(2 * time.Second)
		for _, tt := range []struct{ name, want string }{{"worker-2", "worker-2"}, {"", "worker-3"}} {
			if got, err := f.Kill(tt.name); got != tt.want || err != nil {
				t.Errorf("killed %q, %v; want %q", got, err, tt.want)
			}
		}
		time.Sleep(2500 * time.Millisecond) // The crew drains even when it is killed.
		if _, err := f.Kill("worker-2"); err == nil {
			t.Error("it was killed twice")
		}
		want := []Member{{Name: "worker-1", Address: "127.0.0.1:11"}, {Name: "worker-2"}, {Name: "worker-3"}}
		if diff := cmp.Diff(want, f.Members()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(restartPause + 2*time.Second)
		expectReplicas(t, f, Replicas{Wanted: 3, Serving: 3})
		f.Scale(t.Context(), 2)
		synctest.Wait()
		if m := f.Members(); len(m) != 3 || !m[2].Draining || m[2].Name != "worker-3" {
			t.Errorf("members %+v", m)
		}
		f.Stop(t.Context())
		if len(f.Faults()) != 0 {
			t.Errorf("faults %v", f.Faults())
		}
	})
}

func TestAWorkerThatCannotStartIsTriedOncePerPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFleet(func(name string) runner {
			return func(context.Context, func(string)) error { return errors.New(name + ": no") }
		}, nil)
		f.Scale(t.Context(), 1)
		time.Sleep(3*restartPause + restartPause/2)
		if n := len(f.Faults()); n != 4 {
			t.Errorf("%d attempts", n)
		}
		f.Stop(t.Context())
		expectReplicas(t, f, Replicas{})
	})
}

func TestAWorkerThatIsScaledAwayBeforeItServesIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFleet(newCrew().worker, nil)
		f.Scale(t.Context(), 2)
		time.Sleep(500 * time.Millisecond)
		f.Scale(t.Context(), 1)
		f.Stop(t.Context())
		if len(f.Faults()) != 0 {
			t.Errorf("faults %v", f.Faults())
		}
	})
}

func TestABadEndOfAWorkerThatWasToldToStopIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFleet(func(string) runner {
			return func(ctx context.Context, serving func(string)) error {
				serving("127.0.0.1:1")
				<-ctx.Done()
				return errors.New("worker-1 did not end within 20s of SIGTERM and was killed")
			}
		}, nil)
		f.Scale(t.Context(), 1)
		synctest.Wait()
		f.Stop(t.Context())
		if len(f.Faults()) != 1 {
			t.Errorf("faults %v", f.Faults())
		}
	})
}
