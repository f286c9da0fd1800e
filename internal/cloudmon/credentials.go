package cloudmon

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/auth"

	"spillway/internal/adc"
)

// readScope is all that is asked for: the exporter never writes.
const readScope = "https://www.googleapis.com/auth/monitoring.read"

const credentialsCure = "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS to a key file, " +
	"or give the pod a service account with roles/monitoring.viewer"

// findCredentials returns the Application Default Credentials, proved by a first token.
func findCredentials(ctx context.Context) (*auth.Credentials, error) {
	creds, err := adc.Find(ctx, readScope)
	if errors.Is(err, adc.ErrMissing) {
		return nil, fmt.Errorf("%w; %s", err, credentialsCure)
	}
	return creds, err
}
