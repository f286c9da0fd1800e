// Command backlog-exporter turns Cloud Monitoring's late backlog samples into series that say how far they may be
// believed.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"spillway/internal/command"
	"spillway/internal/export"
	"spillway/internal/logging"
)

func main() {
	os.Exit(command.Main(context.Background(), exporter(), os.Args[1:], os.Stderr))
}

func exporter() *cobra.Command {
	opts := export.DefaultOptions()
	cmd := &cobra.Command{
		Use:   "backlog-exporter",
		Short: "Export Pub/Sub backlogs from Cloud Monitoring with the age and state of every sample",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.Validate(); err != nil {
				return err
			}
			log := logging.New(opts.Logging, os.Stderr)
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
