package pull

import (
	"context"
	"errors"
	"fmt"
	"os"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// EmulatorVariable is the environment variable that leads every Pub/Sub client to an emulator instead of the service.
const EmulatorVariable = "PUBSUB_EMULATOR_HOST"

// explain turns an error of the client into one line with its cure. what is the resource's full name.
func explain(what string, err error) error {
	code := status.Code(rootStatus(err))
	if errors.Is(err, context.DeadlineExceeded) {
		code = codes.DeadlineExceeded
	}
	switch code {
	case codes.NotFound:
		return fmt.Errorf("%s does not exist: create it, or correct its name or project: %w", what, err)
	case codes.PermissionDenied:
		return fmt.Errorf("%s may not be consumed by these credentials: grant roles/pubsub.subscriber on it: %w", what, err)
	case codes.Unauthenticated:
		return fmt.Errorf("%s: the credentials were refused: renew them: %w", what, err)
	case codes.Unavailable, codes.DeadlineExceeded:
		if host := os.Getenv(EmulatorVariable); host != "" {
			return unreachable(host, err)
		}
		return fmt.Errorf("%s: Pub/Sub does not answer: %w", what, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

// foreign says that something other than an emulator is at host.
func foreign(host string) error {
	return fmt.Errorf("%s %q: something answers there that is no Pub/Sub emulator; correct the address, start an emulator (`spillway emulator`) or unset the variable", EmulatorVariable, host)
}

func unreachable(host string, err error) error {
	return fmt.Errorf("%s %q: nothing answers there; start an emulator (`spillway emulator`) or unset the variable: %w", EmulatorVariable, host, err)
}
