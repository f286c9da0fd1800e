package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"spillway/internal/ask"
	"spillway/internal/backlog"
	"spillway/internal/externalmetrics"
	"spillway/internal/httpserver"
	"spillway/internal/keda"
	"spillway/internal/kube"
	"spillway/internal/lifecycle"
)

// The bounds of stopping.
const (
	kubeStop            = 10 * time.Second
	externalMetricsStop = 15 * time.Second
	kedaStop            = 5 * time.Second
)

// cluster is what autoscalers and their cluster see of the exporter. Parts that were not asked for are nil.
type cluster struct {
	watcher  *kube.Watcher
	external *externalmetrics.Server
	keeper   *externalmetrics.Keeper
	scaler   *keda.Server
}

// CaptureLogs has what the Kubernetes libraries log go to log. It is for the start of the program: they have one logger
// for the whole process.
func CaptureLogs(log *zap.Logger) { kube.CaptureLogs(log) }

func checkKubeconfig(path string) error { return kube.CheckKubeconfig(path) }

// joiner has what the parts of a cluster are made of.
type joiner struct {
	opts    Options
	current *Current
	wants   *Wants
	book    *ask.Book
	reg     prometheus.Registerer
	log     *zap.Logger
}

// join makes the parts that the options ask for. Ports and files that cannot be had are errors; a cluster that is away is
// none.
func join(opts Options, current *Current, wants *Wants, reg prometheus.Registerer, log *zap.Logger) (*cluster, error) {
	j := &joiner{
		opts: opts, current: current, wants: wants, reg: reg, log: log,
		book: ask.NewBook(backlog.Answerable()),
	}
	c := &cluster{}
	var err error
	if opts.Cluster.Kube {
		c.watcher, err = j.watcher()
	}
	if err == nil && opts.Cluster.ExternalMetrics != "" {
		err = j.serveAPI(c)
	}
	if err == nil && opts.Cluster.KEDA != "" {
		c.scaler, err = j.scaler()
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// whole reports whether every subscription of a project is watched. It is not before they have been listed.
func (j *joiner) whole(project string) bool {
	return j.discovered(project) && j.wants.said("discover "+project)
}

func (j *joiner) watcher() (*kube.Watcher, error) {
	client, scales, err := kube.Connect(j.opts.Cluster.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("--kube: %w; give --kubeconfig outside a cluster", err)
	}
	return kube.NewWatcher(client, scales, kube.Options{
		Namespaces: j.opts.Cluster.Namespaces, Book: j.book, Project: j.opts.project(), Whole: j.discovered, Check: j.checkSettings,
		Wants: func(wants []backlog.Want) { j.wants.Put("kube", wants) }, Board: j.current, Now: time.Now,
	}, j.reg, j.log.Named("kube")), nil
}

// checkSettings says what is wrong with an autoscaler's annotations.
func (j *joiner) checkSettings(annotations map[string]string) []kube.SettingFault {
	_, faults := j.opts.Law.with(annotations)
	told := make([]kube.SettingFault, len(faults))
	for i, f := range faults {
		told[i] = kube.SettingFault{Key: f.key, Message: f.message}
	}
	return told
}

// discovered reports whether every subscription of a project is going to be watched.
func (j *joiner) discovered(project string) bool {
	return slices.Contains(j.opts.Discover, project) && len(j.opts.Include)+len(j.opts.Exclude) == 0
}

func (j *joiner) serveAPI(c *cluster) error {
	o := j.opts.Cluster
	serving := externalmetrics.Options{Kubeconfig: o.Kubeconfig}
	source := externalmetrics.Source{Board: j.current, Book: j.book, Project: j.opts.project(), Whole: j.whole, Now: time.Now}
	var err error
	if o.Delegate != "" {
		forwarder, err := externalmetrics.NewForwarder(externalmetrics.ForwardOptions{URL: o.Delegate, CAFile: o.DelegateCA, TokenFile: o.DelegateToken})
		if err != nil {
			return fmt.Errorf("--delegate: %w", err)
		}
		source.Delegate = forwarder
	}
	log := j.log.Named("external-metrics")
	if o.Service == "" {
		serving.Certificates, err = externalmetrics.Files(o.CertFile, o.KeyFile)
	} else {
		namespace, name := o.service()
		c.keeper, err = externalmetrics.ConnectKeeper(o.Kubeconfig, externalmetrics.KeeperOptions{Namespace: namespace, Secret: o.Secret, Service: name}, time.Now, j.reg, log)
		serving.Certificates = c.keeper
	}
	if err != nil {
		return fmt.Errorf("--external-metrics: %w", err)
	}
	ln, err := httpserver.Listen(context.Background(), "--external-metrics", o.ExternalMetrics)
	if err != nil {
		return err
	}
	c.external = externalmetrics.NewServer(serving, ln, source, j.reg, log)
	return nil
}

func (j *joiner) scaler() (*keda.Server, error) {
	o := j.opts.Cluster
	ln, err := httpserver.Listen(context.Background(), "--keda-scaler", o.KEDA)
	if err != nil {
		return nil, err
	}
	server, err := keda.NewServer(ln, keda.TLS{CertFile: o.KEDACert, KeyFile: o.KEDAKey, ClientCAFile: o.KEDAClientCA}, keda.Source{
		Board: j.current, Book: j.book, Project: j.opts.project(), Now: time.Now,
		Wants: func(wants []backlog.Want) { j.wants.Put("keda", wants) },
	}, j.reg, j.log.Named("keda"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--keda-scaler: %w", err), ln.Close())
	}
	return server, nil
}

// checks are the conditions of readiness.
func (c *cluster) checks() []httpserver.Check {
	var checks []httpserver.Check
	if c.watcher != nil {
		checks = append(checks, httpserver.Check{Name: "autoscalers", Test: c.watcher.Ready})
	}
	if c.external != nil {
		checks = append(checks, httpserver.Check{Name: "external-metrics", Test: c.external.Ready})
	}
	return checks
}

// add puts the parts into the group: those that answer stop last.
func (c *cluster) add(group *lifecycle.Group) {
	if c.external != nil {
		group.Add("external-metrics", externalMetricsStop, c.external.Run)
	}
	if c.scaler != nil {
		group.Add("keda-scaler", kedaStop, c.scaler.Run)
	}
	if c.keeper != nil {
		group.Add("certificate", kubeStop, c.keeper.Run)
	}
	if c.watcher != nil {
		group.Add("kube", kubeStop, c.watcher.Run)
	}
}

// close gives back the ports of parts that never ran.
func (c *cluster) close() error {
	var errs []error
	if c.external != nil {
		errs = append(errs, c.external.Close())
	}
	if c.scaler != nil {
		errs = append(errs, c.scaler.Close())
	}
	return errors.Join(errs...)
}

// ExternalMetricsAddr returns the host:port of the external metrics API, or nothing when it is not served.
func (a *App) ExternalMetricsAddr() string {
	return address(a.cluster.external != nil, a.cluster.external)
}

// KEDAAddr returns the host:port of KEDA's scaler, or nothing when it is not served.
func (a *App) KEDAAddr() string { return address(a.cluster.scaler != nil, a.cluster.scaler) }

func address(served bool, at interface{ Addr() string }) string {
	if !served {
		return ""
	}
	return at.Addr()
}
