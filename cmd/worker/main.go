// Command worker streams the messages of a Pub/Sub subscription to a handler and settles them by its verdict.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"spillway/internal/command"
	"spillway/internal/consume"
	"spillway/internal/logging"
)

func main() {
	os.Exit(command.Main(context.Background(), newCommand(), os.Args[1:], os.Stderr))
}

func newCommand() *cobra.Command {
	opts := consume.DefaultOptions()
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Stream a Pub/Sub subscription's messages to a handler and drain cleanly",
		Example: `  worker --subscription=projects/shop/subscriptions/offers --target=http://127.0.0.1:8081/offers
  PUBSUB_EMULATOR_HOST=127.0.0.1:8085 worker --project=demo --subscription=offers --handler=discard
  worker --config=flows.yaml`,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.Load(cmd.Flags()); err != nil {
				return err
			}
			return opts.Validate()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := logging.New(opts.Logging, os.Stderr).Named("worker")
			defer func() { _ = log.Sync() }()
			app, err := consume.New(cmd.Context(), opts, log)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	cmd.AddCommand(newRedrive())
	return cmd
}
