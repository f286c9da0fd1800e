package push

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// tokenLife is how long a token is valid, and tokenUse how long it goes on being sent.
	tokenLife = time.Hour
	tokenUse  = 30 * time.Minute
)

// Signer signs the tokens of push requests with a key of its own, as Google does with its keys: RS256, and the claims of
// https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions#jwt_format. It is safe for concurrent use.
type Signer struct {
	now func() time.Time
	key func() (*signingKey, error) // makes the key when it is first asked for

	mu     sync.Mutex
	tokens map[identity]signed
}

// signingKey is the one key that a signer has.
type signingKey struct {
	signer jose.Signer
	public []byte // the key set that publishes it
}

// identity is what a subscription asks to have signed.
type identity struct{ email, audience string }

type signed struct {
	token string
	until time.Time
}

// NewSigner returns a signer whose key is made when it is first needed.
func NewSigner(now func() time.Time) *Signer {
	return &Signer{now: now, key: sync.OnceValues(newSigningKey), tokens: map[identity]signed{}}
}

func newSigningKey() (*signingKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	sum := sha256.Sum256(private.N.Bytes())
	id := hex.EncodeToString(sum[:20])
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", id)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private}, options)
	if err != nil {
		return nil, fmt.Errorf("making a signer: %w", err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &private.PublicKey, KeyID: id, Algorithm: string(jose.RS256), Use: "sig"}}}
	public, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encoding the key set: %w", err)
	}
	return &signingKey{signer: signer, public: public}, nil
}

// ServeHTTP answers with the key set that the tokens can be checked by.
func (s *Signer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	key, err := s.key()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Cache-Control", "public, max-age=300") // a restarted emulator has another key
	_, _ = w.Write(key.public)
}

// token returns the token that a request of the subscription carries; it is empty when the configuration asks for none.
func (s *Signer) token(c *pubsubpb.PushConfig) (string, error) {
	wanted := c.GetOidcToken()
	if wanted.GetServiceAccountEmail() == "" {
		return "", nil
	}
	// The service takes the endpoint for the audience when none is given.
	id := identity{email: wanted.GetServiceAccountEmail(), audience: cmp.Or(wanted.GetAudience(), c.GetPushEndpoint())}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if t, ok := s.tokens[id]; ok && now.Before(t.until) {
		return t.token, nil
	}
	token, err := s.sign(id, now)
	if err != nil {
		return "", err
	}
	for other, t := range s.tokens { // of subscriptions that are gone, or ask for something else
		if !now.Before(t.until) {
			delete(s.tokens, other)
		}
	}
	s.tokens[id] = signed{token: token, until: now.Add(tokenUse)}
	return token, nil
}

func (s *Signer) sign(id identity, now time.Time) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(id.email))
	account := strconv.FormatUint(binary.BigEndian.Uint64(sum[:]), 10)
	token, err := jwt.Signed(key.signer).Claims(map[string]any{
		"iss": "https://accounts.google.com", "aud": id.audience, "azp": account, "sub": account,
		"email": id.email, "email_verified": true, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}
