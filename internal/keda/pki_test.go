package keda

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// pki is an authority with a server's and a client's certificate.
type pki struct {
	server TLS
	roots  *x509.CertPool
	client tls.Certificate
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
	}
	authority, authorityKey := template("authority"), key()
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	sign := func(c *x509.Certificate, k *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, authority, k.Public(), authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	issue := func(name string, usage x509.ExtKeyUsage) (cert, keyFile string) {
		leaf, leafKey := template(name), key()
		leaf.DNSNames, leaf.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{usage}
		der, err := x509.MarshalPKCS8PrivateKey(leafKey)
		if err != nil {
			t.Fatal(err)
		}
		return write(name+".crt", "CERTIFICATE", sign(leaf, leafKey)), write(name+".key", "PRIVATE KEY", der)
	}
	p := &pki{roots: x509.NewCertPool()}
	p.server.ClientCAFile = write("ca.crt", "CERTIFICATE", sign(authority, authorityKey))
	p.server.CertFile, p.server.KeyFile = issue("exporter", x509.ExtKeyUsageServerAuth)
	ca, err := os.ReadFile(p.server.ClientCAFile)
	if err != nil {
		t.Fatal(err)
	}
	p.roots.AppendCertsFromPEM(ca)
	if p.client, err = tls.LoadX509KeyPair(issue("keda", x509.ExtKeyUsageClientAuth)); err != nil {
		t.Fatal(err)
	}
	return p
}
