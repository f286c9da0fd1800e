package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"spillway/internal/terminal"
)

// question is something that is asked of one party, and what it is called while it lasts.
type question struct {
	name string
	ask  func(ctx context.Context)
}

// redrawEvery is the time between two looks of the live line.
const redrawEvery = 200 * time.Millisecond

// together asks all questions at once, each bounded by the options' time-out, and returns when all have ended.
func (a *App) together(ctx context.Context, questions []question) {
	if len(questions) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		a.live.run(ctx)
	}()
	var all sync.WaitGroup
	for _, q := range questions {
		all.Go(func() {
			defer a.live.begin(q.name)()
			bounded, cancel := context.WithTimeout(ctx, a.opts.Timeout)
			defer cancel()
			q.ask(bounded)
		})
	}
	all.Wait()
	cancel()
	<-drawn
}

// live shows what is waited for, on a terminal alone.
type live struct {
	out    io.Writer
	screen *terminal.Screen // nil where nobody watches

	mu   sync.Mutex
	open []string
}

func newLive(out io.Writer) *live {
	l := &live{out: out}
	if _, ok := terminal.Of(out); ok {
		l.screen = terminal.NewScreen(out)
	}
	return l
}

// begin notes that a question is asked; what it returns, that it has ended.
func (l *live) begin(name string) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, name)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for i := range l.open {
			if l.open[i] == name {
				l.open = append(l.open[:i:i], l.open[i+1:]...)
				return
			}
		}
	}
}

// run redraws the line until ctx is done, and takes it away.
func (l *live) run(ctx context.Context) {
	if l.screen == nil {
		return
	}
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for begin := time.Now(); ; {
		select {
		case <-ctx.Done():
			_ = l.screen.Clear()
			return
		case <-tick.C:
			size, _ := terminal.Of(l.out)
			_ = l.screen.Draw([]string{l.line(time.Since(begin), size.Width)}, size)
		}
	}
}

// line says what is waited for, in at most width characters.
func (l *live) line(waited time.Duration, width int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprintf("%2.0f s  asking %s", waited.Seconds(), strings.Join(l.open, ", "))
	if runes := []rune(text); width > 3 && len(runes) >= width {
		text = string(runes[:width-4]) + "..."
	}
	return text
}
