package pull

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/api/option"

	"spillway/internal/adc"
	"spillway/internal/config"
)

// ErrNoCredentials is matched by NewSubscriber's error when there is nothing to authenticate with.
var ErrNoCredentials = adc.ErrMissing

// scope is what consuming needs.
const scope = "https://www.googleapis.com/auth/pubsub"

// emulatorWait is how long an emulator that was asked for may take to answer.
const emulatorWait = 3 * time.Second

// credentials returns what every connection of this process authenticates with; none for an emulator.
func credentials(ctx context.Context) ([]option.ClientOption, error) {
	if os.Getenv(EmulatorVariable) != "" {
		return nil, nil
	}
	creds, err := adc.Find(ctx, scope)
	if errors.Is(err, adc.ErrMissing) {
		return nil, fmt.Errorf("%w; run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, "+
			"bind the pod's service account by Workload Identity, or set %s for an emulator", err, EmulatorVariable)
	}
	return []option.ClientOption{option.WithAuthCredentials(creds)}, err
}

// CheckEmulator returns an error when the environment asks for an emulator and none answers there; a config.Error when
// what it names is no address.
func CheckEmulator(ctx context.Context) error {
	host := os.Getenv(EmulatorVariable)
	if host == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(host)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
		return &config.Error{Key: EmulatorVariable, Value: host, Problem: "is not an address", Cure: "give host:port without a scheme, such as 127.0.0.1:8085"}
	}
	bounded, cancel := context.WithTimeout(ctx, emulatorWait)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(bounded, "tcp", host)
		if err == nil {
			return conn.Close()
		}
		sleep(bounded, 100*time.Millisecond)
		if bounded.Err() != nil {
			return unreachable(host, err)
		}
	}
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
