package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"spillway/internal/ask"
	"spillway/internal/backlog"
	"spillway/internal/cloudmon"
	"spillway/internal/doctor/cloud"
	"spillway/internal/doctor/cluster"
)

// pubsub is what Pub/Sub is asked. *cloud.Client is one.
type pubsub interface {
	Describe(ctx context.Context, sub backlog.Subscription) (cloud.Subscription, error)
	Granted(ctx context.Context, sub backlog.Subscription, permissions []string) ([]string, error)
	Close() error
}

// lister lists the subscriptions of projects. The error has the call's gRPC status.
type lister interface {
	List(ctx context.Context, project string) ([]string, error)
	Close() error
}

// monitoring is what Cloud Monitoring is asked. *cloudmon.Client is one.
type monitoring interface {
	Read(ctx context.Context, q cloudmon.Query) (cloudmon.Answer, error)
	Close() error
}

// kubernetes is what the cluster is asked. *cluster.Client is one.
type kubernetes interface {
	Autoscaler(ctx context.Context, name string) (cluster.Autoscaler, error)
	Autoscalers(ctx context.Context) ([]cluster.Autoscaler, error)
	APIService(ctx context.Context) (cluster.APIService, error)
	Exporters(ctx context.Context) ([]cluster.Service, error)
	Reading(ctx context.Context, metric string, selector cluster.Selector) ([]cluster.Item, error)
	Pods(ctx context.Context, of cluster.Scaled) ([]cluster.Pod, error)
	ScrapePod(ctx context.Context, p cluster.Pod, port int32, path string) ([]byte, error)
	ScrapeService(ctx context.Context, s cluster.Service) ([]byte, error)
	Close()
}

// App is one examination.
type App struct {
	opts Options
	out  io.Writer
	live *live
	book *ask.Book
	http *http.Client
	now  func() time.Time

	google     access
	pubsub     pubsub
	lister     lister
	monitoring monitoring
	monErr     error
	kube       kubernetes
	kubeErr    error
	host       string
}

// ErrUnwell is matched by Run's error when the report is not all well.
var ErrUnwell = errors.New("not all is well")

// New returns an examination that writes its report to out, and what it is waiting for to status if that is a terminal.
// Nothing is asked yet. The error is a config.Error.
func New(opts Options, out, status io.Writer) (*App, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	return &App{
		opts: opts, out: out, live: newLive(status), now: time.Now, http: &http.Client{Timeout: opts.Timeout},
		book: ask.NewBook(backlog.Answerable()),
	}, nil
}

// Run asks everything and writes the report. The error matches ErrUnwell when a link failed or has a warning.
func (a *App) Run(ctx context.Context) error {
	report := a.Examine(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("examining: %w", context.Cause(ctx))
	}
	if err := a.write(&report); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if report.Verdict != OK {
		return fmt.Errorf("%w: %d of %d links failed, %d have warnings", ErrUnwell, report.count(Failed), len(report.Links), report.count(Warning))
	}
	return nil
}

// Examine asks everything and returns what was found.
func (a *App) Examine(ctx context.Context) Report {
	defer a.http.CloseIdleConnections()
	defer a.hangUp()
	if name, is := a.opts.autoscaler(); is {
		return a.examineAutoscaler(ctx, name)
	}
	return a.examineSubscription(ctx)
}

// examineSubscription walks the links that apply without a cluster.
func (a *App) examineSubscription(ctx context.Context) Report {
	sub, err := backlog.ParseSubscription(a.opts.Target, a.opts.Project)
	if err != nil { // Validate has seen to it
		return newReport(a.opts.Target, []Finding{failed(linkSubscription, a.opts.Target, words(err), "")})
	}
	metric, _ := backlog.Describe(backlog.NumUndeliveredMessages.Name())
	a.together(ctx, a.dialing())
	s := a.newSubject(sub, metric)
	page := exporterPage{where: a.opts.Exporter, none: "no --exporter is given"}
	questions := a.asking(s)
	if a.opts.Exporter != "" {
		questions = append(questions, question{"the exporter", func(ctx context.Context) { a.scrapeExporter(ctx, &page) }})
	}
	a.together(ctx, questions)
	links := append([]Finding{judgeCredentials(a.google)}, a.judgeSubject(s)...)
	return newReport(sub.String(), append(links, judgeExporter(page, sub, metric)))
}

// judgeSubject judges everything that Google was asked about a subscription.
func (a *App) judgeSubject(s *subject) []Finding {
	if a.google.err != nil {
		why := "there is nothing to ask Google with: see credentials"
		return []Finding{
			skipped(linkProject, s.sub.Project, why), skipped(linkSubscription, s.sub.ID, why), skipped(linkPermission, "", why), skipped(linkSamples, "", why),
		}
	}
	links := []Finding{judgeProject(s), judgeSubscription(s)}
	return append(append(links, judgePermissions(s)...), judgeSamples(s))
}

// hangUp ends the connections.
func (a *App) hangUp() {
	if a.pubsub != nil {
		_ = a.pubsub.Close()
	}
	if a.lister != nil {
		_ = a.lister.Close()
	}
	if a.monitoring != nil {
		_ = a.monitoring.Close()
	}
	if a.kube != nil {
		a.kube.Close()
	}
}
