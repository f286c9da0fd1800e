package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"spillway/bench/run"
)

// errNoOfficial says that the official emulator is not installed.
var errNoOfficial = errors.New("the official emulator is missing")

// startOfficial runs the Cloud SDK's emulator.
func startOfficial(ctx context.Context) (*run.Server, error) {
	for _, program := range []string{"java", "gcloud"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoOfficial, err)
		}
	}
	root, err := exec.CommandContext(ctx, "gcloud", "info", "--format=value(installation.sdk_root)").Output()
	if err != nil {
		return nil, fmt.Errorf("asking gcloud where the Cloud SDK is: %w", err)
	}
	script := filepath.Join(strings.TrimSpace(string(root)), "platform", "pubsub-emulator", "bin", "cloud-pubsub-emulator")
	if _, err := exec.LookPath(script); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoOfficial, err)
	}
	return run.StartServer(ctx, script, func(host, port string) []string { return []string{"--host=" + host, "--port=" + port} })
}
