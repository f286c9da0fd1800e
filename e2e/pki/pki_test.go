package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"spillway/e2e/pki"
)

func TestAClientAndAServerOfOneAuthorityTrustEachOther(t *testing.T) {
	dir := t.TempDir()
	authority, err := pki.NewAuthority(dir, "ca", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Issue("server", pkix.Name{CommonName: "server"}, time.Now(), "127.0.0.1", "kubernetes.default.svc")
	if err != nil {
		t.Fatal(err)
	}
	client, err := authority.Issue("client", pkix.Name{CommonName: "ann", Organization: []string{"system:masters"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}

	roots := x509.NewCertPool()
	pem, err := os.ReadFile(authority.Pair().Certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(server.Certificate, server.Key)
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		subject := r.TLS.PeerCertificates[0].Subject
		if subject.CommonName != "ann" || subject.Organization[0] != "system:masters" {
			t.Errorf("the client is %v", subject)
		}
	}))
	page.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	page.StartTLS()
	defer page.Close()

	path := filepath.Join(dir, "ann.kubeconfig")
	if err := pki.Kubeconfig(path, page.URL, authority.Pair().Certificate, client); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	settings := &tls.Config{RootCAs: roots}
	own, err := tls.X509KeyPair(config.CertData, config.KeyData)
	if err != nil {
		t.Fatal(err)
	}
	settings.Certificates = []tls.Certificate{own}
	for _, name := range []string{"127.0.0.1", "kubernetes.default.svc"} {
		settings := settings.Clone()
		settings.ServerName = name
		dialled, err := (&tls.Dialer{Config: settings}).DialContext(t.Context(), "tcp", page.Listener.Addr().String())
		if err != nil {
			t.Fatalf("as %s: %v", name, err)
		}
		if _, err := dialled.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
			t.Error(err)
		}
		if _, err := dialled.Read(make([]byte, 1)); err != nil {
			t.Errorf("as %s: %v", name, err)
		}
		_ = dialled.Close()
	}
}

func TestATokenKeyIsAPair(t *testing.T) {
	pair, err := pki.SigningKey(t.TempDir(), "sa")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(pair.Certificate, pair.Key); err == nil {
		t.Error("the public key is a certificate")
	}
	for _, path := range []string{pair.Certificate, pair.Key} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}
