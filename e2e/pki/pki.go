// Package pki makes the certificates of a control plane: authorities, servers, clients and the key that signs the tokens
// of ServiceAccounts. All of them are valid for a day, which is longer than any test.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	valid = 24 * time.Hour
	// early is how much earlier than now a certificate becomes valid, for clocks that differ.
	early = time.Hour
)

// Authority signs certificates. Its own is in DIR/NAME.crt.
type Authority struct {
	dir         string
	name        string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Pair is a certificate and its key, in PEM files.
type Pair struct{ Certificate, Key string }

// NewAuthority makes an authority whose files are in dir, which must exist.
func NewAuthority(dir, name string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of authority %s: %w", name, err)
	}
	template, err := template(pkix.Name{CommonName: name}, now)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of authority %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of authority %s: %w", name, err)
	}
	a := &Authority{dir: dir, name: name, certificate: certificate, key: key}
	if _, err := writeKey(filepath.Join(dir, name+".key"), key); err != nil {
		return nil, err
	}
	return a, write(a.Pair().Certificate, "CERTIFICATE", der)
}

// Pair are the authority's own files.
func (a *Authority) Pair() Pair {
	path := filepath.Join(a.dir, a.name)
	return Pair{Certificate: path + ".crt", Key: path + ".key"}
}

// Issue makes a certificate for a client, and for a server at the addresses, which are names and IP addresses. Its files
// are DIR/NAME.crt and .key.
func (a *Authority) Issue(name string, subject pkix.Name, now time.Time, addresses ...string) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("making the key of %s: %w", name, err)
	}
	template, err := template(subject, now)
	if err != nil {
		return Pair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, address := range addresses {
		if ip := net.ParseIP(address); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, address)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("making the certificate of %s: %w", name, err)
	}
	pair := Pair{Certificate: filepath.Join(a.dir, name+".crt"), Key: filepath.Join(a.dir, name+".key")}
	if _, err := writeKey(pair.Key, key); err != nil {
		return Pair{}, err
	}
	return pair, write(pair.Certificate, "CERTIFICATE", der)
}

// SigningKey makes a key pair for tokens: the private key in DIR/NAME.key, the public one in DIR/NAME.pub, which is the
// Pair's certificate.
func SigningKey(dir, name string) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("making the key %s: %w", name, err)
	}
	pair := Pair{Certificate: filepath.Join(dir, name+".pub"), Key: filepath.Join(dir, name+".key")}
	public, err := writeKey(pair.Key, key)
	if err != nil {
		return Pair{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Pair{}, fmt.Errorf("encoding the public key %s: %w", name, err)
	}
	return pair, write(pair.Certificate, "PUBLIC KEY", der)
}

// template is what every certificate has.
func template(subject pkix.Name, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-early), NotAfter: now.Add(valid)}, nil
}

// writeKey writes a private key and returns the public one.
func writeKey(path string, key *ecdsa.PrivateKey) (crypto.PublicKey, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the key %s: %w", path, err)
	}
	return key.Public(), write(path, "EC PRIVATE KEY", der)
}

// write writes a PEM file.
func write(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", kind, err)
	}
	return nil
}
