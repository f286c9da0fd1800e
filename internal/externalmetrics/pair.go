package externalmetrics

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

const (
	// validity is how long a pair is valid; it is replaced when less than renewal is left, so that a replica that was
	// away for weeks still finds one that is good.
	validity = 90 * 24 * time.Hour
	renewal  = 30 * 24 * time.Hour
	// clockSkew is by how much the clocks of a cluster may differ.
	clockSkew = time.Hour
	// maxBundle is how many authorities are kept in a bundle: the newest and the one before are enough.
	maxBundle = 3
)

// pair is a serving certificate with its key and the authorities that clients trust, all in PEM. It is never changed.
type pair struct{ cert, key, bundle []byte }

// newPair makes a serving certificate for the names, valid from now on. Authorities of the earlier bundle that are still
// valid stay in the bundle.
func newPair(names []string, earlier []byte, now time.Time) (*pair, error) {
	made, err := issue(names, x509.ExtKeyUsageServerAuth, now)
	if err != nil {
		return nil, err
	}
	made.bundle = bundle(made.bundle, earlier, now)
	return made, nil
}

// issue makes a certificate and an authority for it alone, whose key is thrown away: nothing else can ever be signed with
// it.
func issue(names []string, usage x509.ExtKeyUsage, now time.Time) (*pair, error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	authority, err := template("backlog-exporter external metrics authority", now)
	if err != nil {
		return nil, err
	}
	authority.IsCA, authority.BasicConstraintsValid, authority.MaxPathLenZero = true, true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, fmt.Errorf("signing the authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	leaf, err := template(names[0], now)
	if err != nil {
		return nil, err
	}
	leaf.DNSNames, leaf.KeyUsage, leaf.ExtKeyUsage = names, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{usage}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), authorityKey)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the key: %w", err)
	}
	return &pair{cert: block("CERTIFICATE", leafDER), key: block("PRIVATE KEY", keyDER), bundle: block("CERTIFICATE", authorityDER)}, nil
}

func template(name string, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("drawing a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(validity),
	}, nil
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// bundle puts a new authority before those that are still valid.
func bundle(newest, earlier []byte, now time.Time) []byte {
	all := slices.Clone(newest)
	for n := 1; n < maxBundle; n++ {
		var b *pem.Block
		if b, earlier = pem.Decode(earlier); b == nil {
			break
		}
		if c, err := x509.ParseCertificate(b.Bytes); err == nil && now.Before(c.NotAfter) {
			all = append(all, block("CERTIFICATE", b.Bytes)...)
		}
	}
	return all
}

// good says why a pair cannot be served: it does not parse, is not trusted by its own bundle, is for other names or runs
// out within spare.
func (p *pair) good(names []string, now time.Time, spare time.Duration) error {
	both, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("the pair does not parse: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.bundle) {
		return errors.New("the bundle has no certificate")
	}
	for _, name := range names {
		if _, err := both.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err != nil {
			return fmt.Errorf("the certificate is not good for %s: %w", name, err)
		}
	}
	if !slices.Equal(both.Leaf.DNSNames, names) {
		return errors.New("the certificate is for other names")
	}
	if left := both.Leaf.NotAfter.Sub(now); left < spare {
		return fmt.Errorf("the certificate runs out in %s", left.Round(time.Hour))
	}
	return nil
}

// end returns when the certificate runs out.
func (p *pair) end() (time.Time, error) {
	both, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return time.Time{}, fmt.Errorf("the pair does not parse: %w", err)
	}
	return both.Leaf.NotAfter, nil
}

func (p *pair) equal(other *pair) bool {
	return p != nil && other != nil && bytes.Equal(p.cert, other.cert) && bytes.Equal(p.key, other.key) && bytes.Equal(p.bundle, other.bundle)
}
