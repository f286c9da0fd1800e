package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// servingLimit is how long a program may take until it serves; a busy machine needs some seconds for twenty of them.
const servingLimit = 30 * time.Second

// errKilled is the cause of a process's context when it is to die at once, as by kill -9.
var errKilled = errors.New("killed on purpose")

// runner runs a process until ctx is done, as program.run does.
type runner func(ctx context.Context, serving func(address string)) error

// child is a process that serves. Its goroutine ends with the process.
type child struct {
	name    string
	address string        // host:port
	cancel  func()        // Tells the process to end.
	kill    func()        // Ends it by SIGKILL.
	done    chan struct{} // Closed after err is set.
	err     error
}

// startChild runs a process and returns once it serves. The process lives until stop is called; the end of ctx only ends
// the waiting. When it returns an error, no process is left; the error is
// the context's cause if that ended the waiting and the process ended well.
func startChild(ctx context.Context, name string, run runner) (*child, error) {
	own, end := context.WithCancelCause(context.WithoutCancel(ctx))
	cancel := func() { end(nil) }
	c := &child{name: name, cancel: cancel, kill: func() { end(errKilled) }, done: make(chan struct{})}
	serving := make(chan string, 1)
	go func() {
		defer close(c.done)
		c.err = run(own, func(address string) {
			select {
			case serving <- address:
			default:
			}
		})
	}()
	limit := time.NewTimer(servingLimit)
	defer limit.Stop()
	select {
	case c.address = <-serving:
		return c, nil
	case <-c.done:
		cancel()
		return nil, c.err
	case <-ctx.Done():
		return nil, cmp.Or(c.stop(), context.Cause(ctx))
	case <-limit.C:
		return nil, errors.Join(fmt.Errorf("%s did not serve within %s", name, servingLimit), c.stop())
	}
}

// stop ends the process and waits until it is gone. It may be called more than once.
func (c *child) stop() error {
	c.cancel()
	<-c.done
	return c.err
}

// metrics is the URL of the child's metrics.
func (c *child) metrics() string { return "http://" + c.address + "/metrics" }
