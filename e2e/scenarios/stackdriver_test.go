package scenarios

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"spillway/e2e/cluster"
	"spillway/e2e/overlays"
	"spillway/e2e/report"
)

// The shop's own metric, which the Prometheus adapter serves behind the exporter: as many checkout pods as there are tens
// of orders.
const (
	shopAddress = cluster.Address + ":9901"
	shopMetric  = "orders_waiting"
	shopRule    = `- seriesQuery: 'orders_waiting{queue!=""}'
  resources:
    namespaced: false
  metricsQuery: sum by (queue) (<<.Series>>{<<.LabelMatchers>>})
`
	shopJob = `
- job_name: shop
  static_configs: [{targets: ["` + shopAddress + `"]}]
`
)

func TestStackdriver(t *testing.T) {
	s := raise(t, overlays.Stackdriver(), handling, overlays.Subscription)
	section := s.section(4, "stackdriver", "The Stackdriver adapter's metric through our own external metrics API",
		"deploy/gke-external-metrics: the autoscaler of deploy/gke unchanged, answered by the exporter behind the APIService; "+
			"the Prometheus adapter behind the exporter serves orders_waiting, on which the autoscaler of another Deployment scales.")
	orders := s.shop()
	s.prometheus(shopJob)
	s.delegate()
	s.apply(s.folder)
	s.ready(namespace, "backlog-exporter", 1)
	s.applyFile("checkout.yaml", "LEDGER_URL", "http://"+ledgerAddress)
	s.available("v1beta1.external.metrics.k8s.io")
	s.scalable("checkout")
	orders.Store(25)
	checkout := make(chan error, 1)
	go func() { checkout <- await(t.Context(), patience+s.wall(10*time.Minute), s.pods("checkout", 3)) }()
	said := upAndDown(s, section, burstSize())
	if err := <-checkout; err != nil {
		t.Error(err)
	}
	orders.Store(0)
	if err := await(t.Context(), patience+s.wall(10*time.Minute), s.pods("checkout", 1)); err != nil {
		t.Error(err)
	}
	result(t, section, "%s; beside it checkout 1 to 3 to 1 pods on %s of the adapter behind the exporter", said, shopMetric)
}

// note prints a line that belongs to the result.
func note(section *report.Section, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	section.Lines = append(section.Lines, line)
	fmt.Fprintln(console(), line)
}

// shop serves the shop's metric.
func (s *stage) shop() *atomic.Int64 {
	s.t.Helper()
	var orders atomic.Int64
	s.serve(shopAddress, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprintf(w, "# TYPE %s gauge\n%s{queue=\"checkout\"} %d\n", shopMetric, shopMetric, orders.Load())
	}))
	return &orders
}

// delegate applies the Prometheus adapter with a certificate of its own that the exporter can verify. No APIService names it.
func (s *stage) delegate() {
	s.t.Helper()
	dir := s.t.TempDir()
	cert, key, err := selfSigned("prometheus-adapter.monitoring.svc")
	if err != nil {
		s.t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.crt": cert, "tls.key": key, "ca.crt": cert} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.kubectl("create", "secret", "tls", "prometheus-adapter", "--namespace=monitoring", "--cert="+filepath.Join(dir, "tls.crt"), "--key="+filepath.Join(dir, "tls.key"))
	s.kubectl("create", "configmap", "delegate", "--namespace="+namespace, "--from-file="+filepath.Join(dir, "ca.crt"))
	s.adapter(shopRule)
	s.kubectl("patch", "deployment", "prometheus-adapter", "--namespace=monitoring", "--type=json", "--patch="+tlsPatch)
	s.ready("monitoring", "prometheus-adapter", 1)
}

// tlsPatch gives the adapter the certificate of the Secret.
const tlsPatch = `[
{"op": "replace", "path": "/spec/template/spec/containers/0/args/1", "value": "--tls-cert-file=/etc/tls/tls.crt"},
{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--tls-private-key-file=/etc/tls/tls.key"},
{"op": "add", "path": "/spec/template/spec/volumes/-", "value": {"name": "tls", "secret": {"secretName": "prometheus-adapter"}}},
{"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts/-", "value": {"name": "tls", "mountPath": "/etc/tls", "readOnly": true}}
]`

// selfSigned makes a certificate for a DNS name that is its own authority, and its key, in PEM.
func selfSigned(name string) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}

// available waits until the API server reaches an APIService, and holds that it verifies its certificate.
func (s *stage) available(apiService string) {
	s.t.Helper()
	s.until(patience, func(ctx context.Context) error {
		out, err := s.cluster.Kubectl(ctx, "get", "apiservice", apiService, "--output=jsonpath={.status.conditions[?(@.type=='Available')].status} {.spec.insecureSkipTLSVerify}")
		if err != nil {
			return err
		}
		if out != "True " {
			return fmt.Errorf("%s is available and skips verification: %q, want \"True \"", apiService, out)
		}
		return nil
	})
}

// pods is the condition that a Deployment has that many ready pods and no other.
func (s *stage) pods(deployment string, want int32) func(context.Context) error {
	return func(ctx context.Context) error { return s.lacksReady(ctx, namespace, deployment, want) }
}
