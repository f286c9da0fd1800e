package load

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/terminal"
)

// App is one run of the load generator.
type App struct {
	opts      Options
	topic     backlog.Topic
	publisher *Publisher
	close     func() error
	out       io.Writer
	progress  io.Writer
}

// New connects to Pub/Sub. The result is written to out and the progress, which is for people, to progress.
func New(ctx context.Context, opts Options, out, progress io.Writer) (*App, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	topic, err := backlog.ParseTopic(opts.Topic, opts.Project)
	if err != nil {
		return nil, err
	}
	client, err := Dial(ctx, opts.Emulator)
	if err != nil {
		return nil, err
	}
	message := Message{Size: opts.Size, Attributes: opts.Attributes}
	return &App{
		opts: opts, topic: topic, out: out, progress: progress, close: client.Close,
		publisher: NewPublisher(client, topic, message, nil),
	}, nil
}

// Run publishes until the schedule ends or ctx is done, which is no error, and prints the result. It is called once.
// The error says why messages were not published.
func (a *App) Run(ctx context.Context) error {
	defer func() { _ = a.close() }()
	begin := time.Now()
	showing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var show sync.WaitGroup
	meter := meter{at: begin}
	show.Go(func() {
		terminal.Progress(showing, a.progress, func(now time.Time) string { return meter.line(now.Sub(begin), now, a.publisher.Counts()) })
	})
	err := a.publisher.Run(ctx, a.opts.schedule())
	stop()
	show.Wait()
	counts := a.publisher.Counts()
	if err == nil || counts.Published > 0 {
		fmt.Fprint(a.out, summary(counts, time.Since(begin)))
	}
	if err != nil {
		return Explain(err, a.topic, a.opts.Emulator)
	}
	if counts.Failed > 0 {
		return fmt.Errorf("%d of %d messages were not published: %w",
			counts.Failed, counts.Failed+counts.Published, Explain(a.publisher.LastError(), a.topic, a.opts.Emulator))
	}
	return nil
}
