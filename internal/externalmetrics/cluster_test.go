package externalmetrics

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// cluster is an API server as far as delegated authentication and authorization see one. It knows the tokens "hpa", who
// may read external metrics in every namespace but "secret", and "visitor", who may read nothing.
type cluster struct {
	server     *httptest.Server
	kubeconfig string
	// frontProxy is what the aggregator shows; its bearer may say for whom it speaks.
	frontProxy *pair
	// closed makes every answer a 503.
	closed atomic.Bool
	tokens atomic.Int64 // TokenReviews
	access atomic.Int64 // SubjectAccessReviews
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	proxy, err := issue([]string{"front-proxy"}, x509.ExtKeyUsageClientAuth, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{frontProxy: proxy}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps/{name}", func(w http.ResponseWriter, _ *http.Request) { answer(w, c.trust()) })
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("watch") {
			if r.URL.Query().Get("sendInitialEvents") == "true" {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusUnprocessableEntity)
				answer(w, &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonInvalid, Code: 422})
				return
			}
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		answer(w, &corev1.ConfigMapList{
			TypeMeta: metav1.TypeMeta{Kind: "ConfigMapList", APIVersion: "v1"},
			ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: []corev1.ConfigMap{*c.trust()},
		})
	})
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", c.reviewToken)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", c.reviewAccess)
	c.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.closed.Load() {
			http.Error(w, "closed", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		c.server.CloseClientConnections()
		c.server.Close()
	})
	c.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: c.server.URL, CertificateAuthorityData: block("CERTIFICATE", c.server.Certificate().Raw)}
	config.AuthInfos["a"] = &clientcmdapi.AuthInfo{Token: "exporter"}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "a"}
	config.CurrentContext = "x"
	if err := clientcmd.WriteToFile(*config, c.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return c
}

// trust is where API servers publish whom aggregated ones may believe.
func (c *cluster) trust() *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "extension-apiserver-authentication", ResourceVersion: "1"},
		Data: map[string]string{
			"requestheader-client-ca-file":       string(c.frontProxy.bundle),
			"requestheader-username-headers":     `["X-Remote-User"]`,
			"requestheader-group-headers":        `["X-Remote-Group"]`,
			"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
			"requestheader-allowed-names":        `["front-proxy"]`,
		},
	}
}

func (c *cluster) reviewToken(w http.ResponseWriter, r *http.Request) {
	c.tokens.Add(1)
	var review authenticationv1.TokenReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if user := review.Spec.Token; user == "hpa" || user == "visitor" {
		review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: user}}
	}
	answer(w, &review)
}

func (c *cluster) reviewAccess(w http.ResponseWriter, r *http.Request) {
	c.access.Add(1)
	var review authorizationv1.SubjectAccessReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked := review.Spec.ResourceAttributes
	review.Status.Allowed = review.Spec.User == "hpa" &&
		(asked == nil || asked.Group == "external.metrics.k8s.io" && asked.Verb == "list" && asked.Namespace != "secret")
	answer(w, &review)
}

func answer(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(object); err != nil {
		panic(err)
	}
}

// served is a running server and how to reach it.
type served struct {
	*Server
	trusted []byte
	stop    func()
}

// serve runs the API against the cluster until the test ends.
func serve(t testing.TB, c *cluster, s Source) *served {
	t.Helper()
	shown, err := newPair([]string{"metrics.test"}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write(t, cert, shown.cert)
	write(t, key, shown.key)
	files, err := Files(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, c, s, Options{Kubeconfig: c.kubeconfig, Certificates: files}, shown.bundle)
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *served) config(token string) *rest.Config {
	return &rest.Config{
		Host: "https://" + s.Addr(), BearerToken: token, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: s.trusted, ServerName: "metrics.test"},
	}
}

// proxied is a client that shows a front proxy's certificate.
func (s *served) proxied(t *testing.T, shown *pair) *http.Client {
	t.Helper()
	both, err := tls.X509KeyPair(shown.cert, shown.key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.trusted)
	transport := &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{both}, RootCAs: roots, ServerName: "metrics.test"}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func (s *served) url(namespace, metric, selector string) string {
	return fmt.Sprintf("https://%s/apis/external.metrics.k8s.io/v1beta1/namespaces/%s/%s?labelSelector=%s", s.Addr(), namespace, metric, selector)
}
