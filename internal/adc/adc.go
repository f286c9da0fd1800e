// Package adc finds Application Default Credentials and proves them with a first token, so that missing ones are
// noticed at the start and not by the first call that needs them.
package adc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"

	"spillway/internal/config"
	"spillway/internal/lifecycle"
)

// ErrMissing is matched by Find's error when there is nothing to authenticate with, or what there is was refused.
var ErrMissing = errors.New("no Google credentials were found")

// variable names a file with credentials, before all other places.
const variable = "GOOGLE_APPLICATION_CREDENTIALS"

const (
	// tokenLimit bounds the fetching of the first token.
	tokenLimit = 5 * time.Second
	// podLimit is how long a pod waits for its credentials: GKE's metadata server is not there in its first seconds.
	podLimit = 30 * time.Second
)

// Find returns the credentials for a scope. A file that is named and is none is a config.Error too. In a pod it waits for them for half a minute. When a key is there and only
// the token server does not answer it returns them all the same: the calls will find out, and may be retried.
func Find(ctx context.Context, scope string) (*auth.Credentials, error) {
	inPod := os.Getenv("KUBERNETES_SERVICE_HOST") != ""
	for begin := time.Now(); ; {
		creds, err := prove(ctx, scope)
		if err == nil || !inPod || time.Since(begin) > podLimit {
			return creds, err
		}
		if !lifecycle.Sleep(ctx, time.Second) {
			return nil, err
		}
	}
}

func prove(ctx context.Context, scope string) (*auth.Credentials, error) {
	creds, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{scope}})
	if err != nil {
		return nil, undetected(err)
	}
	ctx, cancel := context.WithTimeout(ctx, tokenLimit)
	defer cancel()
	if _, err = creds.Token(ctx); err != nil && gone(creds, err) {
		return nil, missing(err)
	}
	return creds, nil
}

// undetected blames the file that the environment names, if it names one: the library's error does not. That fault is the user's.
func undetected(err error) error {
	file := os.Getenv(variable)
	if file == "" {
		return missing(err)
	}
	return fmt.Errorf("%w (%w)", ErrMissing, &config.Error{Key: variable, Value: file, Problem: "is not a credentials file: " + oneLine(err)})
}

func missing(err error) error { return fmt.Errorf("%w (%s)", ErrMissing, oneLine(err)) }

// oneLine folds the library's error, which may have several lines.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// gone tells credentials that do not exist or were refused from a network that is down. Without a key the metadata
// server is the only source: when it does not answer, there are no credentials.
func gone(creds *auth.Credentials, err error) bool {
	if len(creds.JSON()) == 0 {
		return true
	}
	refused, ok := errors.AsType[*auth.Error](err)
	if !ok || refused.Response == nil {
		return false
	}
	code := refused.Response.StatusCode
	return code >= http.StatusBadRequest && code < http.StatusInternalServerError && code != http.StatusTooManyRequests
}
