package externalmetrics

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"spillway/internal/lifecycle"
)

const (
	keepInterval = time.Minute
	keepRetry    = 5 * time.Second
	keepTimeout  = 10 * time.Second
)

// KeeperOptions says where the certificate is kept and for which Service it is.
type KeeperOptions struct {
	// Namespace has the Secret and the Service.
	Namespace string
	// Secret keeps the certificate, its key and the bundle of authorities: tls.crt, tls.key, ca.crt.
	Secret string
	// Service is in front of this server.
	Service string
}

// Keeper makes the serving certificate, keeps it in a Secret that all replicas share, replaces it in time, and has the
// APIService trust it. It is a dynamiccertificates.CertKeyContentProvider.
//
//	make anew ── Secret (who writes second reads again) ── APIService trusts old and new ── serve the new one
//
// Every certificate has an authority of its own, whose key nobody keeps. The bundle in the APIService has the authority
// before as well, so a replica that still serves the older certificate is trusted.
type Keeper struct {
	opts     KeeperOptions
	secrets  kubernetes.Interface
	services dynamic.Interface
	now      func() time.Time
	log      *zap.Logger
	problems *prometheus.CounterVec
	expiry   prometheus.Gauge

	mu        sync.Mutex
	current   *pair
	listeners []dynamiccertificates.Listener
}

var _ dynamiccertificates.CertKeyContentProvider = (*Keeper)(nil)

// NewKeeper returns a keeper that has no certificate before Run.
func NewKeeper(opts KeeperOptions, secrets kubernetes.Interface, services dynamic.Interface, now func() time.Time, reg prometheus.Registerer, log *zap.Logger) *Keeper {
	factory := promauto.With(reg)
	k := &Keeper{
		opts: opts, secrets: secrets, services: services, now: now, log: log,
		problems: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_external_metrics_certificate_errors_total",
			Help: "Failed attempts to keep the self-managed serving certificate, by what could not be read or written: secret, apiservice.",
		}, []string{"object"}),
		expiry: factory.NewGauge(prometheus.GaugeOpts{
			Name: "pubsub_exporter_external_metrics_certificate_expiry_timestamp_seconds",
			Help: "When the self-managed serving certificate runs out, in seconds since 1970; 0 before there is one.",
		}),
	}
	k.problems.WithLabelValues("secret")
	k.problems.WithLabelValues("apiservice")
	return k
}

// ConnectKeeper returns a keeper in the cluster that kubeconfig names; empty means the cluster around.
func ConnectKeeper(kubeconfig string, opts KeeperOptions, now func() time.Time, reg prometheus.Registerer, log *zap.Logger) (*Keeper, error) {
	config, err := clientConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	secrets, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	services, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	return NewKeeper(opts, secrets, services, now, reg, log), nil
}

func clientConfig(kubeconfig string) (*rest.Config, error) {
	config, err := rest.InClusterConfig()
	if kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w", err)
	}
	return config, nil
}

// Name says what the content is, in the library's messages.
func (k *Keeper) Name() string { return "external-metrics" }

// CurrentCertKeyContent returns certificate and key in PEM; both are empty before there are any.
func (k *Keeper) CurrentCertKeyContent() (cert, key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == nil {
		return nil, nil
	}
	return k.current.cert, k.current.key
}

// AddListener has listener told when the content changes.
func (k *Keeper) AddListener(listener dynamiccertificates.Listener) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listeners = append(k.listeners, listener)
}

// Run keeps the certificate until ctx is done. What fails is logged when it changes and tried again.
func (k *Keeper) Run(ctx context.Context) error {
	last := ""
	for {
		err := k.keep(ctx)
		wait := keepInterval
		if err != nil {
			wait = keepRetry
			if ctx.Err() == nil && err.Error() != last {
				k.log.Warn("the serving certificate cannot be kept", zap.Error(err))
			}
			last = err.Error()
		} else if last != "" {
			k.log.Info("the serving certificate can be kept again")
			last = ""
		}
		if !lifecycle.Sleep(ctx, wait) {
			return nil
		}
	}
}

// keep does what is due: Secret, APIService, serving, in this order.
func (k *Keeper) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	due, err := k.stored(ctx)
	if err != nil {
		k.problems.WithLabelValues("secret").Inc()
		return err
	}
	if cert, _ := k.CurrentCertKeyContent(); len(cert) == 0 {
		k.serve(due) // there is no older one that would be trusted more
	}
	if err := k.trust(ctx, due.bundle); err != nil {
		k.problems.WithLabelValues("apiservice").Inc()
		return err
	}
	k.serve(due)
	return nil
}

// serve shows the pair from now on, and tells the server if it is another one.
func (k *Keeper) serve(due *pair) {
	k.mu.Lock()
	changed := !due.equal(k.current)
	k.current = due
	listeners := k.listeners
	k.mu.Unlock()
	if !changed {
		return
	}
	if end, err := due.end(); err == nil {
		k.expiry.Set(float64(end.Unix()))
	}
	for _, l := range listeners {
		l.Enqueue()
	}
}
