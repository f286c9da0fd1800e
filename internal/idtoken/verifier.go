package idtoken

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// leeway is how far the clocks of Google and of this machine may differ.
const leeway = 30 * time.Second

// maxToken bounds a token, in bytes. Google's have about 1,200.
const maxToken = 16 << 10

var (
	// ErrRefused is matched by every error that says that a token is not good enough. Their texts name the claim and never
	// hold anything of the token.
	ErrRefused = errors.New("the token is refused")
	// ErrNoKeys means that nothing can be said about any token, because the keys were never read.
	ErrNoKeys = errors.New("the keys that sign tokens are not known yet")
)

// Expected says whose tokens are good.
type Expected struct {
	// Audience is what the push subscription has for its audience.
	Audience string
	// Email names the service account that the push subscription signs as. An audience alone proves nothing: anybody with a
	// Google account can ask for a token with it.
	Email string
}

// KeySource knows the public keys. Key returns the one with the given ID, an error that matches ErrRefused when there is none,
// or ErrNoKeys.
type KeySource interface {
	Key(ctx context.Context, id string) (crypto.PublicKey, error)
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	keys     KeySource
	expected Expected
	now      func() time.Time
}

// NewVerifier returns a verifier of tokens that Google signed, by keys, for what is expected.
func NewVerifier(keys KeySource, expected Expected, now func() time.Time) *Verifier {
	return &Verifier{keys: keys, expected: expected, now: now}
}

// claims are those that count, https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions#jwt_format.
type claims struct {
	jwt.Claims
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
}

// Verify returns nil for a token that Google has signed for the expected audience and service account and that is valid now,
// give or take 30 s; otherwise an error that matches ErrRefused or ErrNoKeys.
func (v *Verifier) Verify(ctx context.Context, token string) error {
	if len(token) > maxToken {
		return refused("it is too long")
	}
	// RS256 alone: with "none" or HS256 accepted, anybody could sign.
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(parsed.Headers) != 1 {
		return refused("it is not a token signed with RS256")
	}
	key, err := v.keys.Key(ctx, parsed.Headers[0].KeyID)
	if err != nil {
		return err
	}
	var c claims
	if err := parsed.Claims(key, &c); err != nil {
		return refused("its signature does not match")
	}
	return v.check(&c)
}

// check holds the claims of a token whose signature is right against what is expected.
func (v *Verifier) check(c *claims) error {
	now := v.now()
	switch {
	case c.Issuer != "https://accounts.google.com" && c.Issuer != "accounts.google.com": // Google uses both.
		return refused("its issuer is not Google")
	case !slices.Contains(c.Audience, v.expected.Audience):
		return refused("its audience is another")
	case c.Expiry == nil || now.Sub(c.Expiry.Time()) > leeway:
		return refused("it has expired")
	case c.NotBefore != nil && c.NotBefore.Time().Sub(now) > leeway, c.IssuedAt != nil && c.IssuedAt.Time().Sub(now) > leeway:
		return refused("it is not valid yet")
	case c.Email != v.expected.Email:
		return refused("its service account is another")
	case !c.EmailVerified:
		return refused("its email is not verified")
	}
	return nil
}

func refused(why string) error { return fmt.Errorf("%w: %s", ErrRefused, why) }
