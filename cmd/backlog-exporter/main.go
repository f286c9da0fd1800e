// Command backlog-exporter turns Cloud Monitoring's late backlog samples into series that say how far they may be
// believed.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"spillway/internal/command"
	"spillway/internal/export"
	"spillway/internal/logging"
)

// collectAt is how many percent garbage may add to memory, half of Go's default: once a minute a poll makes several times
// of it what the board of 10,000 subscriptions takes, and little processor time is used otherwise.
const collectAt = 50

func main() {
	os.Exit(command.Main(context.Background(), exporter(), os.Args[1:], os.Stderr))
}

func exporter() *cobra.Command {
	opts := export.DefaultOptions()
	cmd := &cobra.Command{
		Use:     "backlog-exporter",
		Short:   "Export Pub/Sub backlogs from Cloud Monitoring with the age and state of every sample",
		PreRunE: func(*cobra.Command, []string) error { return opts.Validate() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(collectAt)
			}
			log := logging.New(opts.Logging, os.Stderr)
			export.CaptureLogs(log)
			app, err := export.New(opts, log)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	return cmd
}
