package push_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"

	"spillway/internal/emulator/push"
	"spillway/internal/idtoken"
)

const account = "pusher@p.iam.gserviceaccount.com"

// bearer returns the token that the first push of the configuration carries.
func bearer(t *testing.T, config *pubsubpb.PushConfig, signer *push.Signer) (token, url string) {
	t.Helper()
	url, got := endpoint(t)
	config.PushEndpoint = url
	b, _ := runSigned(t, config, signer)
	publish(t, b, &pubsubpb.PubsubMessage{Data: []byte("hello")})
	return next(t, got).header.Get("Authorization"), url
}

func TestAPushRequestCarriesTheTokenThatItsConfigurationAsksFor(t *testing.T) {
	signer := push.NewSigner(time.Now)
	certs := httptest.NewServer(signer)
	defer certs.Close()
	keys := idtoken.NewKeys(certs.URL, zap.NewNop())
	tests := []struct {
		name     string
		wanted   *pubsubpb.PushConfig_OidcToken
		audience string // empty: the endpoint
	}{
		{"an account and an audience", &pubsubpb.PushConfig_OidcToken{ServiceAccountEmail: account, Audience: "worker"}, "worker"},
		{"an account alone", &pubsubpb.PushConfig_OidcToken{ServiceAccountEmail: account}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := &pubsubpb.PushConfig{AuthenticationMethod: &pubsubpb.PushConfig_OidcToken_{OidcToken: tt.wanted}}
			header, url := bearer(t, config, signer)
			token, ok := strings.CutPrefix(header, "Bearer ")
			if !ok {
				t.Fatalf("Authorization: %q", header)
			}
			if tt.audience == "" {
				tt.audience = url
			}
			expected := idtoken.Expected{Audience: tt.audience, Email: account}
			if err := idtoken.NewVerifier(keys, expected, time.Now).Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
			late := func() time.Time { return time.Now().Add(61 * time.Minute) }
			if err := idtoken.NewVerifier(keys, expected, late).Verify(t.Context(), token); err == nil {
				t.Error("the token never expires")
			}
		})
	}
}

func TestAPushRequestWithoutAskingCarriesNoToken(t *testing.T) {
	if header, _ := bearer(t, &pubsubpb.PushConfig{}, push.NewSigner(time.Now)); header != "" {
		t.Errorf("Authorization: %q", header)
	}
}

func TestTheKeysAreAKeySet(t *testing.T) {
	rec := httptest.NewRecorder()
	push.NewSigner(time.Now).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	if body := rec.Body.String(); rec.Code != http.StatusOK || !strings.HasPrefix(body, `{"keys":[{`) || strings.Contains(body, `"d":`) {
		t.Errorf("got %d %s", rec.Code, body)
	}
}
