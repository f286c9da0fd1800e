package externalmetrics

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd/options"

	"spillway/internal/lifecycle"
)

const (
	// requestTimeout bounds a request and the end of the last ones; an autoscaler gives up earlier.
	requestTimeout = 10 * time.Second
	// firstRetry and lastRetry bound the time between attempts to reach the API server at start.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

var (
	errStarting   = errors.New("the external metrics API is starting")
	errUntrusting = errors.New("whom to believe as front proxy is not known yet: the configmap kube-system/extension-apiserver-authentication has not been read or names no authority")
)

// Options is where and with what the API is served.
type Options struct {
	// Kubeconfig is the file that names the API server to which authentication and authorization are delegated; empty
	// means the one of the cluster around.
	Kubeconfig string
	// Certificates are what the server shows; Files or a Keeper.
	Certificates dynamiccertificates.CertKeyContentProvider
}

// Server serves external.metrics.k8s.io/v1beta1 with delegated authentication and authorization. Make it with NewServer
// and Run it once.
type Server struct {
	opts     Options
	ln       net.Listener
	provider *Provider
	log      *zap.Logger
	state    atomic.Pointer[error] // why nothing is served; points to nil while serving
	// trusts reports whether it is known whom to believe as front proxy; set before the state becomes nil.
	trusts atomic.Pointer[func() bool]
}

// NewServer returns a server that owns ln from now on. Nothing runs before Run.
func NewServer(opts Options, ln net.Listener, source Source, reg prometheus.Registerer, log *zap.Logger) *Server {
	s := &Server{opts: opts, ln: ln, provider: newProvider(source, newMetrics(reg)), log: log}
	s.became(errStarting)
	return s
}

// Addr returns the host:port that it listens at.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Close gives the port back if the server never runs.
func (s *Server) Close() error { return s.ln.Close() }

// Ready returns nil while requests are answered, else why not.
func (s *Server) Ready() error {
	if err := *s.state.Load(); err != nil {
		return err
	}
	if trusts := s.trusts.Load(); !(*trusts)() {
		return errUntrusting
	}
	return nil
}

func (s *Server) became(why error) { s.state.Store(&why) }

// Run serves until ctx is done. Before it can, the API server must say whom to trust as its front proxy: until it does,
// Run tries again, and requests wait or fail their TLS handshake.
func (s *Server) Run(ctx context.Context) error {
	defer func() { _ = s.ln.Close() }()
	server, err := s.prepare(ctx)
	if err != nil {
		return nil // prepare ends early with ctx alone, and being told to stop is no failure
	}
	s.log.Info("serving the external metrics API", zap.String("address", s.Addr()))
	s.trusts.Store(&server.trusts)
	s.became(nil)
	err = server.RunWithContext(ctx)
	s.became(errors.New("the external metrics API has stopped"))
	if err != nil {
		return fmt.Errorf("serving external metrics: %w", err)
	}
	return nil
}

// prepare tries to put the server together until it succeeds or ctx is done.
func (s *Server) prepare(ctx context.Context) (*prepared, error) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		server, err := s.assemble(ctx)
		if err == nil {
			return server, nil
		}
		s.became(err)
		s.log.Warn("the external metrics API cannot start yet", zap.Error(err), zap.Duration("retry_in", wait))
		if !lifecycle.Sleep(ctx, wait) {
			return nil, ctx.Err()
		}
	}
}

// prepared is a server that is put together and does not run yet.
type prepared struct {
	*genericapiserver.GenericAPIServer
	trusts func() bool
}

// RunWithContext serves until ctx is done and the running requests have ended.
func (p *prepared) RunWithContext(ctx context.Context) error {
	return p.PrepareRun().RunWithContext(ctx)
}

// assemble puts the server together.
func (s *Server) assemble(ctx context.Context) (*prepared, error) {
	if cert, _ := s.opts.Certificates.CurrentCertKeyContent(); len(cert) == 0 {
		return nil, errors.New("there is no serving certificate yet")
	}
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	adapter := &cmd.AdapterBase{
		Name: "backlog-exporter", RemoteKubeConfigFile: s.opts.Kubeconfig,
		FlagSet:                           pflag.NewFlagSet("", pflag.ContinueOnError), // the library wants one; its flags are not ours
		CustomMetricsAdapterServerOptions: s.libraryOptions(),
	}
	adapter.WithExternalMetrics(s.provider)
	config, err := adapter.Config()
	if err != nil {
		return nil, fmt.Errorf("configuring the external metrics API: %w", err)
	}
	config.GenericConfig.RequestTimeout = requestTimeout
	config.GenericConfig.SecureServing.Cert = s.opts.Certificates
	config.GenericConfig.Authorization.Authorizer = anySelector{config.GenericConfig.Authorization.Authorizer}
	server, err := adapter.Server()
	if err != nil {
		return nil, fmt.Errorf("assembling the external metrics API: %w", err)
	}
	header := config.GenericConfig.Authentication.RequestHeaderConfig
	return &prepared{server.GenericAPIServer, func() bool {
		if header == nil {
			return false
		}
		_, known := header.CAContentProvider.VerifyOptions()
		return known
	}}, nil
}

// reach returns nil when the API server says whom to trust. The library asks too, and leaves goroutines behind if it
// fails; so it is let try only what has just gone well.
func (s *Server) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	config, err := clientConfig(s.opts.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("preparing the cluster's client: %w", err)
	}
	if _, err := client.CoreV1().ConfigMaps("kube-system").Get(ctx, "extension-apiserver-authentication", metav1.GetOptions{}); err != nil {
		return fmt.Errorf("asking the API server whom to trust: %w", err)
	}
	return nil
}

// libraryOptions turns off what nobody asked for. Health, metrics and profiles are the exporter's own port's.
func (s *Server) libraryOptions() *options.CustomMetricsAdapterServerOptions {
	o := options.NewCustomMetricsAdapterServerOptions()
	o.SecureServing.Listener = s.ln
	o.SecureServing.ServerCert.CertDirectory, o.SecureServing.ServerCert.PairName = "", "" // nothing is written to disk
	o.SecureServing.MinTLSVersion = "VersionTLS12"
	o.Authentication.RemoteKubeConfigFile = s.opts.Kubeconfig
	o.Authorization.RemoteKubeConfigFile = s.opts.Kubeconfig
	o.EnableMetrics = false
	o.Features.EnableProfiling = false
	return o
}

// Files returns the certificate and key in two PEM files. They are read again when they change.
func Files(cert, key string) (dynamiccertificates.CertKeyContentProvider, error) {
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil { // the library leaves goroutines behind if it fails
		return nil, fmt.Errorf("reading the serving certificate: %w", err)
	}
	content, err := dynamiccertificates.NewDynamicServingContentFromFiles("external-metrics", cert, key)
	if err != nil {
		return nil, fmt.Errorf("reading the serving certificate: %w", err)
	}
	return content, nil
}
