package export

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"spillway/internal/testenv/cloudmontest"
)

// webConfig writes a certificate and a file that asks for it and for a password, and returns the file and who to trust.
func webConfig(t *testing.T) (file string, trust *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	const hash = `$2a$04$kx7aSd3NxdAm2C4J4iuQR.mqUOtG2H80GM33njyrfzfiIiSK72PTe` // of "sesame", by bcrypt with the least cost
	dir := t.TempDir()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{
		"tls.crt": cert, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"web.yml": fmt.Appendf(nil, "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\nbasic_auth_users: {prometheus: %s}\n", hash),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(cert)
	return filepath.Join(dir, "web.yml"), trust
}

func TestTLSAndAPassword(t *testing.T) {
	file, trust := webConfig(t)
	server := cloudmontest.Start(t, cloudmontest.Always())
	opts := localOptions(t, server.Addr(), "offers")
	opts.WebConfig = file
	if err := opts.Validate(); err != nil {
		t.Fatal(err)
	}
	app, err := New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	background(t, app.Run)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust}}}
	get := func(scheme, password string) (int, string, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+app.Addr()+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			req.SetBasicAuth("prometheus", password)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), err
	}
	if code, body, err := get("https", "sesame"); err != nil || code != http.StatusOK || !strings.Contains(body, "pubsub_exporter_polls_total") {
		t.Fatalf("with the password: %d, %v", code, err)
	}
	for _, wrong := range []string{"", "wrong"} {
		if code, body, err := get("https", wrong); err != nil || code != http.StatusUnauthorized || strings.Contains(body, "pubsub_") {
			t.Fatalf("with the password %q: %d, %v", wrong, code, err)
		}
	}
	if code, _, err := get("http", "sesame"); err == nil && code == http.StatusOK {
		t.Fatal("plain HTTP is served")
	}
}

func TestAWebConfigThatIsNoneIsAFaultOfTheConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(file, []byte("tls_server_config: {cert_file: no.crt, key_file: no.key}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := parse(t, "--subscription=projects/shop/subscriptions/offers", "--web.config.file="+file)
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "--web.config.file") || !strings.Contains(err.Error(), "no.crt") {
		t.Fatalf("got %v", err)
	}
}

func TestServingWithTLSEndsInTime(t *testing.T) {
	file, _ := webConfig(t)
	server := cloudmontest.Start(t, cloudmontest.Always())
	opts := localOptions(t, server.Addr(), "offers")
	opts.WebConfig = file
	app, err := New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	for len(server.Requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
