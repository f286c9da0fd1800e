package export

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	external "k8s.io/metrics/pkg/client/external_metrics"

	"spillway/internal/backlog"
	"spillway/internal/testenv/cloudmontest"
)

// apiServer is a cluster with two autoscalers: one asks for offers, one asks in vain. Whoever shows the token "hpa" may
// read.
type apiServer struct {
	*httptest.Server
	dir string

	mu     sync.Mutex
	events []corev1.Event
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{dir: t.TempDir()}
	mux := http.NewServeMux()
	own := asking("offers", "resource.labels.subscription_id")
	own.Annotations = map[string]string{"spillway/min-replicas": "3", "spillway/headroom": "much"}
	mux.HandleFunc("GET /apis/autoscaling/v2/horizontalpodautoscalers", listOrWatch(&autoscalingv2.HorizontalPodAutoscalerList{
		TypeMeta: metav1.TypeMeta{Kind: "HorizontalPodAutoscalerList", APIVersion: "autoscaling/v2"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"},
		Items: []autoscalingv2.HorizontalPodAutoscaler{own, asking("lost", "team")},
	}))
	mux.HandleFunc("GET /api/v1/namespaces/web/pods", listOrWatch(&corev1.PodList{
		TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"},
	}))
	trust := corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "extension-apiserver-authentication", ResourceVersion: "1"},
		Data:       map[string]string{"requestheader-username-headers": `["X-Remote-User"]`},
	}
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps", listOrWatch(&corev1.ConfigMapList{
		TypeMeta: metav1.TypeMeta{Kind: "ConfigMapList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: []corev1.ConfigMap{trust},
	}))
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps/{name}", func(w http.ResponseWriter, _ *http.Request) { write(w, &trust) })
	mux.HandleFunc("POST /api/v1/namespaces/web/events", func(w http.ResponseWriter, r *http.Request) {
		var event corev1.Event
		body, _ := io.ReadAll(r.Body)
		if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, &event); err != nil {
			t.Errorf("an event that cannot be read: %v", err)
		}
		s.mu.Lock()
		s.events = append(s.events, event)
		s.mu.Unlock()
		write(w, &event)
	})
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", func(w http.ResponseWriter, r *http.Request) {
		var review authenticationv1.TokenReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		review.Status.Authenticated, review.Status.User.Username = review.Spec.Token == "hpa", "hpa"
		write(w, &review)
	})
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", func(w http.ResponseWriter, r *http.Request) {
		var review authorizationv1.SubjectAccessReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		review.Status.Allowed = review.Spec.User == "hpa"
		write(w, &review)
	})
	s.Server = httptest.NewTLSServer(mux)
	trust.Data["requestheader-client-ca-file"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func asking(name, key string) autoscalingv2.HorizontalPodAutoscaler {
	return autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: name, UID: types.UID(name)},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 9, Metrics: []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ExternalMetricSourceType,
			External: &autoscalingv2.ExternalMetricSource{Metric: autoscalingv2.MetricIdentifier{
				Name: "pubsub.googleapis.com|subscription|num_undelivered_messages", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{key: name}},
			}},
		}}},
	}
}

// listOrWatch answers a list; a watch never has news.
func listOrWatch(list any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("sendInitialEvents") == "true":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			write(w, &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonInvalid, Code: 422})
		case r.URL.Query().Has("watch"):
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			write(w, list)
		}
	}
}

func write(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object)
}

// file writes into the server's directory.
func (s *apiServer) file(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *apiServer) kubeconfig(t *testing.T) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: s.URL, CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c"}
	config.CurrentContext = "x"
	path := filepath.Join(s.dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *apiServer) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var told []string
	for _, e := range s.events {
		told = append(told, e.InvolvedObject.Name+" "+e.Reason)
	}
	return told
}

// TestInACluster has nobody name a subscription: an autoscaler does, another asks in vain, and KEDA names one more.
func TestInACluster(t *testing.T) {
	at := time.Now().Add(-2 * time.Minute).Truncate(time.Second)
	monitoring := cloudmontest.Start(t, cloudmontest.ByMetric(
		metricSeries(backlog.NumUndeliveredMessages, offers, 41000, at), metricSeries(backlog.NumUndeliveredMessages, orders, 7, at),
	))
	api := newAPIServer(t)
	key, err := x509.MarshalPKCS8PrivateKey(api.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	opts := parse(t, "--project=shop", "--listen=127.0.0.1:0", "--monitoring-endpoint="+monitoring.Addr(), "--poll-interval=100ms",
		"--kube", "--kubeconfig="+api.kubeconfig(t), "--keda-scaler=127.0.0.1:0", "--external-metrics=127.0.0.1:0",
		"--external-metrics-cert="+api.file(t, "tls.crt", "CERTIFICATE", api.Certificate().Raw), "--external-metrics-key="+api.file(t, "tls.key", "PRIVATE KEY", key))
	if err := opts.Validate(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.InfoLevel)
	app, err := New(opts, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the app ended with %v", err)
		}
	})
	r := &served{t: t, app: app, logs: logs}
	r.eventually("/readyz", http.StatusOK, "autoscalers: ok", "external-metrics: ok")
	r.eventually("/metrics", http.StatusOK, `pubsub_subscription_num_undelivered_messages{project_id="shop",subscription_id="offers"} 41000`,
		`pubsub_exporter_autoscaler_fault{horizontalpodautoscaler="lost",namespace="web",reason="NoSubscription"} 1`)
	r.eventually("/", http.StatusOK, "hpa web/offers")

	hpa, err := external.NewForConfig(&rest.Config{
		Host: "https://" + app.ExternalMetricsAddr(), BearerToken: "hpa", TLSClientConfig: rest.TLSClientConfig{CAData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := hpa.NamespacedMetrics("web").List("pubsub.googleapis.com|subscription|num_undelivered_messages", labels.SelectorFromSet(labels.Set{"resource.labels.subscription_id": "offers"}))
	if err != nil || len(list.Items) != 1 || list.Items[0].Value.Value() != 41000 || !list.Items[0].Timestamp.Time.Equal(at) {
		t.Errorf("the autoscaler reads %v, %v", list, err)
	}
	if _, err := hpa.NamespacedMetrics("web").List("pubsub_subscription_unacked_messages", labels.SelectorFromSet(labels.Set{"subscription_id": "orders"})); !apierrors.IsNotFound(err) {
		t.Errorf("a subscription that nobody watches: %v", err)
	}
	// Nobody has measured anything: as many pods as there are and one at least, or as the autoscaler's own settings say.
	r.eventually("/metrics", http.StatusOK, `pubsub_subscription_desired_replicas{horizontalpodautoscaler="offers",namespace="web",project_id="shop",subscription_id="offers"} 3`)
	for namespace, want := range map[string]int64{"web": 3, "elsewhere": 1} {
		list, err := hpa.NamespacedMetrics(namespace).List("pubsub_subscription_desired_replicas", labels.SelectorFromSet(labels.Set{"subscription_id": "offers"}))
		if err != nil || len(list.Items) != 1 || list.Items[0].Value.Value() != want {
			t.Errorf("in namespace %s it reads %v, %v", namespace, list, err)
		}
	}
	if _, err := hpa.NamespacedMetrics("web").List("pubsub_subscription_pod_capacity", labels.SelectorFromSet(labels.Set{"subscription_id": "offers"})); !apierrors.IsServiceUnavailable(err) {
		t.Errorf("what is not known: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); len(api.told()) < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	told := api.told()
	slices.Sort(told)
	if diff := cmp.Diff([]string{"lost NoSubscription", "offers BadAnnotation"}, told); diff != "" {
		t.Error(diff)
	}
	asKEDA(t, app.KEDAAddr())
	r.eventually("/", http.StatusOK, "scaledobject web/orders")
}

// asKEDA asks whether orders is active until it is known.
func asKEDA(t *testing.T, addr string) {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	pair := func(key, value string) string {
		entry := "\x0a" + string(rune(len(key))) + key + "\x12" + string(rune(len(value))) + value
		return "\x1a" + string(rune(len(entry))) + entry
	}
	request, answer := []byte("\x0a\x06orders\x12\x03web"+pair("subscriptionName", "orders")+pair("value", "5")), []byte(nil)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := conn.Invoke(t.Context(), "/externalscaler.ExternalScaler/IsActive", &request, &answer)
		if err == nil {
			break
		}
		if status.Code(err) != codes.Unavailable || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if string(answer) != "\x08\x01" {
		t.Errorf("KEDA is told %q", answer)
	}
}

// raw carries messages as bytes.
type raw struct{}

func (raw) Name() string                    { return "proto" }
func (raw) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (raw) Unmarshal(b []byte, v any) error { *v.(*[]byte) = append([]byte(nil), b...); return nil }

// TestJoinSaysWhatIsMissing: what can be known at start is an error at start.
func TestJoinSaysWhatIsMissing(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	tests := []struct {
		name string
		args []string
		says string
	}{
		{"no cluster", []string{"--kube"}, "give --kubeconfig outside a cluster"},
		{"no cluster for a certificate", []string{"--external-metrics=127.0.0.1:0", "--external-metrics-service=m/e"}, "finding the cluster"},
		{"the port in use", []string{"--keda-scaler=" + taken.Addr().String()}, "the port is in use"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := parse(t, append(tt.args, "--subscription=projects/shop/subscriptions/offers", "--listen=127.0.0.1:0")...)
			if err := opts.Validate(); err != nil {
				t.Fatal(err)
			}
			if _, err := New(opts, zap.NewNop()); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want one about %q", err, tt.says)
			}
		})
	}
}

func TestWholeProjects(t *testing.T) {
	opts := DefaultOptions()
	opts.Discover = []string{"shop"}
	j := &joiner{opts: opts, wants: NewWants()}
	if !j.discovered("shop") || j.discovered("depot") || j.whole("shop") {
		t.Error("a project is whole before its subscriptions have been listed, or another is")
	}
	j.wants.Put("discover shop", nil)
	if !j.whole("shop") {
		t.Error("a listed project is not whole")
	}
	j.opts.Exclude = []string{"a*"}
	if j.whole("shop") || j.discovered("shop") {
		t.Error("a project of which some are left out is whole")
	}
}

// TestAMissingPermissionIsAReasonOfItsOwn, because the autoscaler that asks is told once.
func TestAMissingPermissionIsAReasonOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigged(t, nil, offers)
		r.script.roll(nil, "offers")
		r.script.always(failure(codes.PermissionDenied, "shop"))
		r.begin()
		r.expectReason(offers, backlog.Absent, backlog.ReasonForbidden, "PermissionDenied", "roles/monitoring.viewer")
	})
}
