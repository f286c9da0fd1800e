package adc

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloud.google.com/go/auth"
	"go.uber.org/goleak"

	"spillway/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const scope = "https://www.googleapis.com/auth/pubsub"

// desk empties the environment of credentials; the metadata server is a port where nothing listens.
func desk(t *testing.T) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("GCE_METADATA_HOST", "127.0.0.1:9")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
}

// metadataServer is one that gives every request the same answer.
func metadataServer(t *testing.T, status int, body string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(func() {
		server.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(server.URL, "http://"))
}

func TestNothingToAuthenticateWithIsMissing(t *testing.T) {
	desk(t)
	_, err := Find(t.Context(), scope)
	if !errors.Is(err, ErrMissing) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v, want one line that matches ErrMissing", err)
	}
}

func TestAKeyFileThatIsNoneIsNamed(t *testing.T) {
	desk(t)
	file := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, []byte("secret, but not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{file, filepath.Join(t.TempDir(), "none.json"), t.TempDir()} {
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
		_, err := Find(t.Context(), scope)
		if !errors.Is(err, ErrMissing) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want ErrMissing without the file's words", err)
		}
		want := fmt.Sprintf("GOOGLE_APPLICATION_CREDENTIALS %q: is not a credentials file: ", file)
		if _, ok := errors.AsType[*config.Error](err); !ok {
			t.Errorf("%v is not the user's fault", err)
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %s", err, want)
		}
	}
}

func TestAMetadataServerThatGivesATokenIsEnough(t *testing.T) {
	desk(t)
	metadataServer(t, http.StatusOK, `{"access_token":"token","expires_in":3600,"token_type":"Bearer"}`)
	creds, err := Find(t.Context(), scope)
	if err != nil || creds == nil {
		t.Fatalf("got %v, %v", creds, err)
	}
}

func TestCredentialsAreRefusedOnlyByAnAnswer(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		missing bool
	}{
		{"the account was deleted", &auth.Error{Response: &http.Response{StatusCode: http.StatusBadRequest}}, true},
		{"the token server is busy", &auth.Error{Response: &http.Response{StatusCode: http.StatusTooManyRequests}}, false},
		{"the token server is down", &auth.Error{Response: &http.Response{StatusCode: http.StatusServiceUnavailable}}, false},
		{"the network is down", errors.New("dial tcp: connection refused"), false},
	}
	key := auth.NewCredentials(&auth.CredentialsOptions{JSON: []byte(`{}`)})
	metadata := auth.NewCredentials(&auth.CredentialsOptions{})
	for _, tt := range tests {
		if got := gone(key, tt.err); got != tt.missing {
			t.Errorf("%s: with a key, missing is %t", tt.name, got)
		}
		if !gone(metadata, tt.err) {
			t.Errorf("%s: without a key and without the metadata server there is nothing", tt.name)
		}
	}
}
