package idtoken

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// fixed is a source whose keys never change.
type fixed map[string]crypto.PublicKey

func (f fixed) Key(_ context.Context, id string) (crypto.PublicKey, error) {
	if key, ok := f[id]; ok {
		return key, nil
	}
	return nil, refused("it is signed with an unknown key")
}

func verifier(now time.Time) *Verifier {
	keys := fixed{"g1": &google().PublicKey}
	return NewVerifier(keys, Expected{Audience: audience, Email: account}, func() time.Time { return now })
}

func TestEveryClaimCounts(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c := good(now)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	tests := []struct {
		name   string
		claims map[string]any
		want   string // what the refusal says; empty for a good token
	}{
		{"as Google signs it", c, ""},
		{"the issuer's other spelling", but(c, "iss", "accounts.google.com"), ""},
		{"an audience among others", but(c, "aud", []string{"x", audience}), ""},
		{"signed long ago and still valid", but(c, "iat", at(-59*time.Minute)), ""},
		{"no time of signing", but(c, "iat", nil), ""},
		{"another issuer", but(c, "iss", "https://accounts.example.com"), "its issuer is not Google"},
		{"an issuer without TLS", but(c, "iss", "http://accounts.google.com"), "its issuer is not Google"},
		{"an issuer that begins like Google", but(c, "iss", "https://accounts.google.com.example"), "its issuer is not Google"},
		{"no issuer", but(c, "iss", nil), "its issuer is not Google"},
		{"another audience", but(c, "aud", audience+"2"), "its audience is another"},
		{"no audience", but(c, "aud", nil), "its audience is another"},
		{"an empty list of audiences", but(c, "aud", []string{}), "its audience is another"},
		{"another service account", but(c, "email", "other@shop.iam.gserviceaccount.com"), "its service account is another"},
		{"no service account", but(c, "email", nil), "its service account is another"},
		{"an email that is not verified", but(c, "email_verified", false), "its email is not verified"},
		{"an email that nobody speaks of verifying", but(c, "email_verified", nil), "its email is not verified"},
		{"expired within the leeway", but(c, "exp", at(-29*time.Second)), ""},
		{"expired", but(c, "exp", at(-31*time.Second)), "it has expired"},
		{"no expiry", but(c, "exp", nil), "it has expired"},
		{"signed in the future within the leeway", but(c, "iat", at(29*time.Second)), ""},
		{"signed in the future", but(c, "iat", at(31*time.Second)), "it is not valid yet"},
		{"not valid yet", but(c, "nbf", at(31*time.Second)), "it is not valid yet"},
		{"an expiry that is no number", but(c, "exp", "soon"), "its signature does not match"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := verifier(now).Verify(t.Context(), sign(t, jose.RS256, google(), "g1", tt.claims))
			expectRefusal(t, err, tt.want)
		})
	}
}

func expectRefusal(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if !errors.Is(err, ErrRefused) || !strings.HasSuffix(err.Error(), ": "+want) {
		t.Fatalf("got %v, want a refusal that says %q", err, want)
	}
}

func TestOnlyASignatureOfGoogleCounts(t *testing.T) {
	now := time.Now()
	c := good(now)
	valid := sign(t, jose.RS256, google(), "g1", c)
	parts := strings.Split(valid, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	public := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&google().PublicKey)})
	const notRS256, mismatch = "it is not a token signed with RS256", "its signature does not match"
	tests := []struct{ name, token, want string }{
		{"as Google signs it", valid, ""},
		{"signed by somebody else under Google's key ID", sign(t, jose.RS256, stranger(), "g1", c), mismatch},
		{"signed by somebody else under another ID", sign(t, jose.RS256, stranger(), "s1", c), "it is signed with an unknown key"},
		{"signed without an ID", sign(t, jose.RS256, google(), "", c), "it is signed with an unknown key"},
		{"other claims under the old signature", parts[0] + "." + encode(`{"iss":"accounts.google.com"}`) + "." + parts[2], mismatch},
		{"no signature", parts[0] + "." + parts[1] + ".", mismatch},
		{"the algorithm none", encode(`{"alg":"none","kid":"g1"}`) + "." + parts[1] + ".", notRS256},
		{"the algorithm None", encode(`{"alg":"None","kid":"g1"}`) + "." + parts[1] + ".", notRS256},
		{"HS256 with the public key for a secret", sign(t, jose.HS256, public, "g1", c), notRS256},
		{"RS512", sign(t, jose.RS512, google(), "g1", c), notRS256},
		{"PS256", sign(t, jose.PS256, google(), "g1", c), notRS256},
		{"the signature's first bit turned", parts[0] + "." + parts[1] + "." + flip(parts[2]), mismatch},
		{"two parts", parts[0] + "." + parts[1], notRS256},
		{"nothing", "", notRS256},
		{"garbage", "\x00\xff...", notRS256},
		{"JSON", `{"payload":"e30","signatures":[]}`, notRS256},
		{"more than any token", strings.Repeat("a", maxToken+1), "it is too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := verifier(now).Verify(t.Context(), tt.token)
			expectRefusal(t, err, tt.want)
			if err != nil && len(tt.token) > 20 && strings.Contains(err.Error(), tt.token[:20]) {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
}

func flip(signature string) string {
	other := byte('A')
	if signature[0] == other {
		other = 'Q'
	}
	return string(other) + signature[1:]
}

func FuzzVerify(f *testing.F) {
	f.Add("")
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJSUzI1NiIsImtpZCI6ImcxIn0.e30.AAAA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	v := verifier(time.Now())
	f.Fuzz(func(t *testing.T, token string) {
		if err := v.Verify(t.Context(), token); !errors.Is(err, ErrRefused) {
			t.Fatalf("nobody signed %q, and it gave %v", token, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	t := &testing.T{}
	now := time.Now()
	v, token := verifier(now), sign(t, jose.RS256, google(), "g1", maps.Clone(good(now)))
	for b.Loop() {
		if err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
