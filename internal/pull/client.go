package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/api/option"

	"spillway/internal/adc"
	"spillway/internal/config"
	"spillway/internal/lifecycle"
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

// CheckEmulator returns an error when the environment asks for an emulator and nothing, or something else, answers there; a
// config.Error when what it names is no address.
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
			defer conn.Close()
			return greet(bounded, conn, host)
		}
		lifecycle.Sleep(bounded, 100*time.Millisecond)
		if bounded.Err() != nil {
			return unreachable(host, err)
		}
	}
}

// greeting is what a client of HTTP/2, and so of gRPC, says first: its preface and empty settings (RFC 9113, section 3.4).
const greeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// greet returns an error when what answers at host does not speak gRPC. Silence, or an end without a word, says nothing: it may be
// a proxy before an emulator that is about to start.
func greet(ctx context.Context, conn net.Conn, host string) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, greeting); err != nil {
		return nil // It went away without a word.
	}
	var frame [9]byte // A frame's head: length, type, flags, stream. A server's first are its settings, of type 4.
	n, _ := io.ReadFull(conn, frame[:])
	if n > 0 && (n < len(frame) || frame[3] != 4 || [4]byte(frame[5:]) != [4]byte{}) {
		return foreign(host)
	}
	return nil
}
