package idtoken

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func writeKeys(t *testing.T, path string, document []byte) {
	t.Helper()
	if err := os.WriteFile(path, document, 0o600); err != nil {
		t.Fatal(err)
	}
}

func expectKey(t *testing.T, k *Keys, id, when string, want bool) {
	t.Helper()
	key, err := k.Key(t.Context(), id)
	if want != (key != nil) || want != (err == nil) {
		t.Errorf("%s: key %s gave %v, %v", when, id, key != nil, err)
	}
	if !want && !errors.Is(err, ErrRefused) {
		t.Errorf("%s: key %s gave %v", when, id, err)
	}
}

func TestARotatedKeyIsFoundAndARetiredOneForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	before, after := map[string]*rsa.PrivateKey{"g1": google()}, map[string]*rsa.PrivateKey{"g2": stranger()}
	synctest.Test(t, func(t *testing.T) {
		writeKeys(t, path, keySet(t, before))
		k := NewKeys(path, zap.NewNop())
		expectKey(t, k, "g1", "first", true)
		expectKey(t, k, "g2", "before the rotation", false)
		time.Sleep(unknownEvery - time.Second)
		writeKeys(t, path, keySet(t, after))
		expectKey(t, k, "g2", "right after it, when unknown keys may cause no read yet", false)
		expectKey(t, k, "g1", "the old key, which nobody had a reason to read again", true)
		time.Sleep(time.Second)
		expectKey(t, k, "g2", "30 s after the last read", true)
		expectKey(t, k, "g1", "after the read", false)
	})
}

func TestRunReadsAgainInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	synctest.Test(t, func(t *testing.T) {
		writeKeys(t, path, keySet(t, map[string]*rsa.PrivateKey{"g1": google()}))
		k := NewKeys(path, zap.NewNop())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		synctest.Wait()
		writeKeys(t, path, keySet(t, map[string]*rsa.PrivateKey{"g2": stranger()}))
		time.Sleep(minKeep + time.Second)
		if key, known := k.lookup("g1"); key != nil || !known {
			t.Errorf("the retired key is still there")
		}
		writeKeys(t, path, []byte("{"))
		time.Sleep(minKeep)
		if key, _ := k.lookup("g2"); key == nil {
			t.Error("a read that failed forgot the key")
		}
		writeKeys(t, path, keySet(t, map[string]*rsa.PrivateKey{"g3": google()}))
		time.Sleep(retryEvery)
		if key, _ := k.lookup("g3"); key == nil {
			t.Error("a failed read was not repeated soon")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRunEndsWhileAnotherReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeys("/nowhere", zap.NewNop())
		k.reading <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// endpoint serves the document that it holds, or the status.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	document []byte
	status   int
	reads    atomic.Int32
}

func newEndpoint(t *testing.T, document []byte) *endpoint {
	t.Helper()
	e := &endpoint{document: document, status: http.StatusOK}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		e.reads.Add(1)
		e.mu.Lock()
		defer e.mu.Unlock()
		w.Header().Set("Cache-Control", "public, max-age=21600, must-revalidate")
		w.WriteHeader(e.status)
		_, _ = w.Write(e.document)
	}))
	t.Cleanup(e.Close)
	return e
}

func TestKeysComeFromAURLAndOutliveIt(t *testing.T) {
	e := newEndpoint(t, keySet(t, map[string]*rsa.PrivateKey{"g1": google()}))
	core, logged := observer.New(zapcore.DebugLevel)
	k := NewKeys(e.URL+"/keys?token=hunter2", zap.New(core))
	if _, err := k.Key(t.Context(), "g1"); err != nil {
		t.Fatal(err)
	}
	if k.wait() != 6*time.Hour {
		t.Errorf("kept for %s, the server said 6 h", k.wait())
	}
	e.Close()
	k.read(t.Context())
	expectKey(t, k, "g1", "with the server gone", true)
	expectKey(t, k, "g2", "an unknown key with the server gone", false)
	for _, entry := range logged.All() {
		for _, value := range entry.ContextMap() {
			if text, ok := value.(string); ok && strings.Contains(text, "hunter2") {
				t.Errorf("the log holds the URL's secret: %v", entry)
			}
		}
	}
	if len(logged.FilterLevelExact(zapcore.WarnLevel).All()) != 1 {
		t.Errorf("logged %v", logged.All())
	}
}

func TestWithoutAnyKeysNothingIsSaidAboutATokenUntilTheyCome(t *testing.T) {
	e := newEndpoint(t, keySet(t, map[string]*rsa.PrivateKey{"g1": google()}))
	e.status = http.StatusServiceUnavailable
	k := NewKeys(e.URL, zap.NewNop())
	v := NewVerifier(k, Expected{Audience: audience, Email: account}, time.Now)
	token := sign(t, jose.RS256, google(), "g1", good(time.Now()))
	for range 20 {
		if err := v.Verify(t.Context(), token); !errors.Is(err, ErrNoKeys) || errors.Is(err, ErrRefused) {
			t.Fatalf("got %v", err)
		}
	}
	if n := e.reads.Load(); n != 1 {
		t.Errorf("20 tokens caused %d reads within %s", n, retryEvery)
	}
	e.mu.Lock()
	e.status = http.StatusOK
	e.mu.Unlock()
	k.read(t.Context())
	if err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func TestManyWaitForOneRead(t *testing.T) {
	e := newEndpoint(t, keySet(t, map[string]*rsa.PrivateKey{"g1": google()}))
	k := NewKeys(e.URL, zap.NewNop())
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := k.Key(context.Background(), "g1"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for range 50 {
		expectKey(t, k, "invented", "an attack with invented IDs", false)
	}
	if n := e.reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
}

func TestAReadIsBoundedInTime(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := load(ctx, server.URL); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func certificate(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestKeyDocuments(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := json.Marshal(map[string]string{"g1": certificate(t, google())})
	if err != nil {
		t.Fatal(err)
	}
	set := keySet(t, map[string]*rsa.PrivateKey{"g1": google()})
	tests := []struct {
		name     string
		document []byte
		want     string // in the error; empty when g1 is found
	}{
		{"a key set", set, ""},
		{"certificates by key ID", certificates, ""},
		{"a key set with a secret among the keys", []byte(strings.Replace(string(set), `[`, `[{"kty":"oct","kid":"g2","k":"c2VjcmV0"},`, 1)), ""},
		{"a key for encryption", []byte(strings.Replace(string(set), `"sig"`, `"enc"`, 1)), "there is no RSA key"},
		{"a key of 1024 bits", keySet(t, map[string]*rsa.PrivateKey{"g1": small}), "there is no RSA key"},
		{"keys without IDs", keySet(t, map[string]*rsa.PrivateKey{"": google()}), "there is no RSA key"},
		{"an empty set", []byte(`{"keys":[]}`), "there is no RSA key"},
		{"a set that is none", []byte(`{"keys":7}`), "decoding the key set"},
		{"certificates that are none", []byte(`{"g1":"hello"}`), "is not PEM"},
		{"a damaged certificate", []byte(`{"g1":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}`), "parsing the certificate"},
		{"numbers", []byte(`{"g1":1}`), "decoding the certificates"},
		{"a page", []byte("<html>"), "not a JSON object"},
		{"nothing", nil, "not a JSON object"},
		{"more than any document", make([]byte, maxKeys+1), "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := parseKeys(tt.document)
			if tt.want == "" && (err != nil || keys["g1"] == nil || len(keys) != 1) {
				t.Fatalf("got %d keys, %v", len(keys), err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestRedirectsAndHugeDocumentsAreNotFollowed(t *testing.T) {
	real := newEndpoint(t, keySet(t, map[string]*rsa.PrivateKey{"g1": google()}))
	elsewhere := httptest.NewServer(http.RedirectHandler(real.URL, http.StatusFound))
	defer elsewhere.Close()
	if _, _, err := load(t.Context(), elsewhere.URL); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("a redirect gave %v", err)
	}
	huge := newEndpoint(t, make([]byte, 2*maxKeys))
	if _, _, err := load(t.Context(), huge.URL); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a huge document gave %v", err)
	}
}

func TestHowLongADocumentMayBeKept(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                                       defaultKeep,
		"no-store":                               defaultKeep,
		"public, max-age=19204, must-revalidate": 19204 * time.Second,
		"max-age=1":                              minKeep,
		"Max-Age=999999999":                      maxKeep,
		"max-age=-1":                             defaultKeep,
		"max-age=99999999999999999999, max-age=600": 10 * time.Minute,
	} {
		if got := keepFor(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestASourceIsCheckedBeforeTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	writeKeys(t, path, keySet(t, map[string]*rsa.PrivateKey{"g1": google()}))
	for source, good := range map[string]bool{
		GoogleKeys: true, "http://127.0.0.1:8085/keys": true, path: true,
		"https://": false, path + "2": false, "keys_test.go": false,
	} {
		if err := CheckSource(source); (err == nil) != good {
			t.Errorf("%s gave %v", source, err)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"a":"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		if keys, err := parseKeys(document); err == nil && len(keys) == 0 {
			t.Fatal("no keys and no error")
		}
	})
}
