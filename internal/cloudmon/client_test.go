package cloudmon

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// closedPort returns an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// withoutCredentials makes a machine without any: no file, no home, no metadata server.
func withoutCredentials(t *testing.T) {
	t.Helper()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("APPDATA", t.TempDir())
	t.Setenv("GCE_METADATA_HOST", closedPort(t))
}

func TestMissingCredentialsAreNoticedAtStartWithTheCure(t *testing.T) {
	withoutCredentials(t)
	begin := time.Now()
	_, err := Dial(t.Context(), Options{})
	if !errors.Is(err, ErrNoCredentials) || !strings.Contains(err.Error(), "gcloud auth application-default login") {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second || strings.Contains(err.Error(), "\n") {
		t.Fatalf("after %s: %q", took, err)
	}
}

func TestACredentialsFileThatIsNotThereIsMissingToo(t *testing.T) {
	withoutCredentials(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "key.json"))
	if _, err := Dial(t.Context(), Options{}); !errors.Is(err, ErrNoCredentials) || !strings.Contains(err.Error(), "key.json") {
		t.Fatalf("got %v", err)
	}
}

// keyFile writes a service account's key whose tokens come from tokenURI, and returns the private part too.
func keyFile(t *testing.T, tokenURI string) (path, secret string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secret = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "shop", "private_key": secret, "token_uri": tokenURI,
		"client_email": "exporter@shop.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, secret
}

func TestAKeyIsTriedAtStart(t *testing.T) {
	withoutCredentials(t)
	status, answer := http.StatusBadRequest, `{"error": "invalid_grant"}`
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer tokens.Close()
	path, secret := keyFile(t, tokens.URL)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)
	t.Run("refused", func(t *testing.T) {
		_, err := Dial(t.Context(), Options{})
		if !errors.Is(err, ErrNoCredentials) || !strings.Contains(err.Error(), "invalid_grant") {
			t.Fatalf("got %v", err)
		}
		if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
			t.Fatalf("the error is not one line without secrets: %q", err)
		}
	})
	t.Run("accepted", func(t *testing.T) {
		status, answer = http.StatusOK, `{"access_token": "token", "token_type": "Bearer", "expires_in": 3600}`
		client, err := Dial(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("the token server is down", func(t *testing.T) {
		tokens.Close()
		client, err := Dial(t.Context(), Options{})
		if err != nil {
			t.Fatalf("a network that is down is no reason to give up: %v", err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhereCloudMonitoringIs(t *testing.T) {
	withoutCredentials(t)
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token": "token", "token_type": "Bearer", "expires_in": 3600}`)
	}))
	defer tokens.Close()
	path, _ := keyFile(t, tokens.URL)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)
	for want, o := range map[string]Options{
		"monitoring.googleapis.com:443":  {},
		"monitoring-x.p.example.com:443": {Endpoint: "https://monitoring-x.p.example.com:443"},
		"monitoring.cloud.example:443":   {Universe: "cloud.example"},
	} {
		client, err := Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if got := client.api.Connection().Target(); !strings.HasSuffix(got, want) { //nolint:staticcheck // nothing else says where it goes
			t.Errorf("%+v leads to %s, want %s", o, got, want)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestALocalServerThatDoesNotAnswerIsNoticedAtStart(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, addr := range map[string]string{"closed port": closedPort(t), "silent port": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			_, err := Dial(t.Context(), Options{Endpoint: addr})
			if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), addr) {
				t.Fatalf("got %v", err)
			}
			if took := time.Since(begin); took > answerLimit+time.Second {
				t.Fatalf("took %s", took)
			}
		})
	}
}
