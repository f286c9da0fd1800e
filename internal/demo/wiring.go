package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// wiring is the cables of the workers that run. It is safe for concurrent use.
type wiring struct {
	emulator string

	mu     sync.Mutex
	cables map[string]*cable
}

func newWiring(emulator string) *wiring {
	return &wiring{emulator: emulator, cables: make(map[string]*cable)}
}

// wire runs a worker at the end of a cable of its own. What a worker says as it ends badly counts for nothing if its cable
// was cut: it could not give back what it held, which is what cutting is for.
func (w *wiring) wire(name string, worker func(emulator string) runner) runner {
	return func(ctx context.Context, serving func(string)) error {
		c, err := lay(ctx, w.emulator)
		if err != nil {
			return err
		}
		defer c.close()
		w.set(name, c)
		defer w.set(name, nil)
		err = worker(c.address())(ctx, serving)
		if _, ever := c.state(); ever && ctx.Err() != nil {
			return nil
		}
		return err
	}
}

func (w *wiring) set(name string, c *cable) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c == nil {
		delete(w.cables, name)
		return
	}
	w.cables[name] = c
}

// cut cuts or mends a worker's cable.
func (w *wiring) cut(name string, on bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.cables[name]
	if c == nil {
		return notServing(name)
	}
	if now, _ := c.state(); now == on {
		return fmt.Errorf("the network of %s is %s already", name, map[bool]string{true: "cut", false: "whole"}[on])
	}
	c.cut(on)
	return nil
}

// cutOff returns the names of those whose cable is cut, in order.
func (w *wiring) cutOff() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name, c := range w.cables {
		if now, _ := c.state(); now {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
