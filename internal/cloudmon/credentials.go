package cloudmon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

// readScope is all that is asked for: the exporter never writes.
const readScope = "https://www.googleapis.com/auth/monitoring.read"

// tokenLimit bounds the check of the credentials at start.
const tokenLimit = 5 * time.Second

const credentialsCure = "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS to a key file, " +
	"or give the pod a service account with roles/monitoring.viewer"

// findCredentials returns the Application Default Credentials after fetching a first token with them, so that missing
// ones are noticed at start. When a key is there and only the token server does not answer, the polls find out.
func findCredentials(ctx context.Context) (*auth.Credentials, error) {
	creds, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{readScope}})
	if err != nil {
		return nil, noCredentials(err)
	}
	ctx, cancel := context.WithTimeout(ctx, tokenLimit)
	defer cancel()
	_, err = creds.Token(ctx)
	if err == nil || !missing(creds, err) {
		return creds, nil
	}
	return nil, noCredentials(err)
}

func noCredentials(err error) error {
	return fmt.Errorf("%w (%s); %s", ErrNoCredentials, oneLine(err.Error()), credentialsCure)
}

// missing tells credentials that do not exist or were refused from a network that is down. Without a key the metadata
// server is the only source: when it does not answer, there are no credentials.
func missing(creds *auth.Credentials, err error) bool {
	if len(creds.JSON()) == 0 {
		return true
	}
	refused, ok := errors.AsType[*auth.Error](err)
	if !ok || refused.Response == nil {
		return false
	}
	return refused.Response.StatusCode >= http.StatusBadRequest && refused.Response.StatusCode < http.StatusInternalServerError &&
		refused.Response.StatusCode != http.StatusTooManyRequests
}
