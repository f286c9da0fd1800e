package externalmetrics

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap/zaptest"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// home is a cluster with an APIService, and a clock.
type home struct {
	t        *testing.T
	secrets  *fake.Clientset
	services *dynamicfake.FakeDynamicClient
	now      time.Time
}

func newHome(t *testing.T, owner string) *home {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": apiService},
		"spec": map[string]any{"insecureSkipTLSVerify": true, "service": map[string]any{"namespace": "monitoring", "name": owner}},
	}}
	kinds := map[schema.GroupVersionResource]string{apiServices: "APIServiceList"}
	return &home{
		t: t, secrets: fake.NewClientset(), now: start,
		services: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, object),
	}
}

func (h *home) keeper() *Keeper {
	h.t.Helper()
	return NewKeeper(KeeperOptions{Namespace: "monitoring", Secret: "exporter-tls", Service: "exporter"},
		h.secrets, h.services, func() time.Time { return h.now }, prometheus.NewPedanticRegistry(), zaptest.NewLogger(h.t))
}

func (h *home) keep(k *Keeper) {
	h.t.Helper()
	if err := k.keep(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// trusted is what the APIService trusts.
func (h *home) trusted() (bundle []byte, insecure bool) {
	h.t.Helper()
	object, err := h.services.Resource(apiServices).Get(h.t.Context(), apiService, metav1.GetOptions{})
	if err != nil {
		h.t.Fatal(err)
	}
	encoded, _, _ := unstructured.NestedString(object.Object, "spec", "caBundle")
	insecure, _, _ = unstructured.NestedBool(object.Object, "spec", "insecureSkipTLSVerify")
	bundle, err = base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		h.t.Fatal(err)
	}
	return bundle, insecure
}

// believed fails unless the API server would take what the keeper serves.
func (h *home) believed(k *Keeper) {
	h.t.Helper()
	bundle, insecure := h.trusted()
	cert, key := k.CurrentCertKeyContent()
	shown := &pair{cert: cert, key: key, bundle: bundle}
	if err := shown.good(k.names(), h.now, 0); err != nil || insecure {
		h.t.Errorf("not believed (insecureSkipTLSVerify: %v): %v", insecure, err)
	}
}

type listener struct{ told int }

func (l *listener) Enqueue() { l.told++ }

func TestKeeper(t *testing.T) {
	t.Run("makes a certificate that the API server trusts, and no other has to be skipped", func(t *testing.T) {
		h := newHome(t, "exporter")
		k, l := h.keeper(), &listener{}
		k.AddListener(l)
		if cert, _ := k.CurrentCertKeyContent(); cert != nil {
			t.Error("a certificate out of nothing")
		}
		h.keep(k)
		h.believed(k)
		h.keep(k)
		if l.told != 1 {
			t.Errorf("the server was told %d times", l.told)
		}
		if got, want := testutil.ToFloat64(k.expiry), float64(start.Add(validity).Unix()); got != want {
			t.Errorf("it runs out at %g, want %g", got, want)
		}
		secret, err := h.secrets.CoreV1().Secrets("monitoring").Get(t.Context(), "exporter-tls", metav1.GetOptions{})
		if err != nil || len(secret.Data) != 3 {
			t.Fatalf("%v %v", secret, err)
		}
	})
	t.Run("replicas share one", func(t *testing.T) {
		h := newHome(t, "exporter")
		one, other := h.keeper(), h.keeper()
		h.keep(one)
		h.keep(other)
		a, _ := one.CurrentCertKeyContent()
		b, _ := other.CurrentCertKeyContent()
		if string(a) != string(b) {
			t.Error("they serve different certificates")
		}
	})
	t.Run("replaces it in time, and the older one stays trusted", func(t *testing.T) {
		h := newHome(t, "exporter")
		one, other := h.keeper(), h.keeper()
		h.keep(one)
		h.keep(other)
		before, _ := one.CurrentCertKeyContent()
		h.now = start.Add(validity - renewal - time.Minute)
		h.keep(one)
		if same, _ := one.CurrentCertKeyContent(); string(same) != string(before) {
			t.Error("replaced too early")
		}
		h.now = start.Add(validity - renewal + time.Minute)
		h.keep(one)
		if after, _ := one.CurrentCertKeyContent(); string(after) == string(before) {
			t.Error("not replaced")
		}
		h.believed(one)
		h.believed(other) // which still serves the older one
		h.keep(other)
		h.believed(other)
		for range 5 {
			h.now = h.now.Add(validity)
			h.keep(one)
			h.believed(one)
		}
		if bundle, _ := h.trusted(); strings.Count(string(bundle), "BEGIN") > maxBundle {
			t.Errorf("the bundle grows:\n%s", bundle)
		}
	})
	t.Run("does not take what is not a certificate", func(t *testing.T) {
		h := newHome(t, "exporter")
		h.secrets = fake.NewClientset(&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: "exporter-tls"},
			Data:       map[string][]byte{corev1.TLSCertKey: []byte("x"), corev1.TLSPrivateKeyKey: []byte("y"), bundleKey: []byte("z")},
		})
		k := h.keeper()
		h.keep(k)
		h.believed(k)
	})
	t.Run("leaves another adapter's APIService alone", func(t *testing.T) {
		h := newHome(t, "keda-metrics-apiserver")
		k := h.keeper()
		if err := k.keep(t.Context()); err == nil || !strings.Contains(err.Error(), "belongs to the service monitoring/keda-metrics-apiserver") {
			t.Errorf("error %v", err)
		}
		if bundle, insecure := h.trusted(); len(bundle) > 0 || !insecure {
			t.Error("it was changed")
		}
		if cert, _ := k.CurrentCertKeyContent(); len(cert) == 0 {
			t.Error("nothing is served meanwhile")
		}
	})
	t.Run("says what it may not do", func(t *testing.T) {
		h := newHome(t, "exporter")
		h.secrets.PrependReactor("get", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "exporter-tls", errors.New("no"))
		})
		k := h.keeper()
		if err := k.keep(t.Context()); err == nil || !strings.Contains(err.Error(), "reading the secret monitoring/exporter-tls") {
			t.Errorf("error %v", err)
		}
		if got := testutil.ToFloat64(k.problems.WithLabelValues("secret")); got != 1 {
			t.Errorf("%g problems are counted", got)
		}
	})
	t.Run("serves the older one until the newer is trusted", func(t *testing.T) {
		h := newHome(t, "exporter")
		k := h.keeper()
		h.keep(k)
		before, _ := k.CurrentCertKeyContent()
		h.now = start.Add(validity - renewal + time.Minute)
		refuse := true
		h.services.PrependReactor("patch", "apiservices", func(clienttesting.Action) (bool, runtime.Object, error) {
			return refuse, nil, errors.New("the API server restarts")
		})
		if err := k.keep(t.Context()); err == nil {
			t.Fatal("a refused patch is no error")
		}
		if now, _ := k.CurrentCertKeyContent(); string(now) != string(before) {
			t.Error("the newer one is served already")
		}
		refuse = false
		h.keep(k)
		h.believed(k)
		if now, _ := k.CurrentCertKeyContent(); string(now) == string(before) {
			t.Error("the older one is still served")
		}
	})
}

func TestKeeperRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "exporter")
		var failing atomic.Bool
		failing.Store(true)
		h.secrets.PrependReactor("get", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
			return failing.Load(), nil, errors.New("the API server restarts")
		})
		var late atomic.Int64
		k := h.keeper()
		k.now = func() time.Time { return start.Add(time.Duration(late.Load())) }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		synctest.Wait()
		if cert, _ := k.CurrentCertKeyContent(); cert != nil {
			t.Error("a certificate out of nothing")
		}
		failing.Store(false)
		time.Sleep(keepRetry)
		synctest.Wait()
		h.believed(k)
		late.Store(int64(validity))
		time.Sleep(keepInterval)
		synctest.Wait()
		h.now = start.Add(validity)
		h.believed(k)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestKeptCertificatesAreServed connects to a server whose certificate is replaced while it runs.
func TestKeptCertificatesAreServed(t *testing.T) {
	h := newHome(t, "exporter")
	h.now = time.Now()
	k := h.keeper()
	h.keep(k)
	c := newCluster(t)
	bundle, _ := h.trusted()
	s := run(t, c, source(), Options{Kubeconfig: c.kubeconfig, Certificates: k}, bundle)
	serial := func() string {
		conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	h.now = h.now.Add(validity - renewal + time.Hour)
	h.keep(k)
	for deadline := time.Now().Add(10 * time.Second); serial() == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the replaced certificate is still served")
		}
	}
}
