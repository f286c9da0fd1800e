package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/internal/doctor"
)

func newDoctor() *cobra.Command {
	opts := doctor.DefaultOptions()
	cmd := &cobra.Command{
		Use:   "doctor [hpa/NAME | SUBSCRIPTION]",
		Short: "Find out why an autoscaler does not scale on its backlog",
		Long: "Ask every link from a subscription to the pods of an autoscaler how it is, and print a line for each with a verdict and\n" +
			"the cure. Without an argument the only autoscaler of the namespace that asks for a metric of Pub/Sub is meant; with a\n" +
			"subscription only the links that need no cluster are asked. It only reads.\n" +
			"Exits with 0 when all is well, 1 when a link failed or has a warning, and 2 for bad flags.",
		Example: `  spillway doctor hpa/offers -n shop
  spillway doctor projects/shop/subscriptions/offers --exporter=http://127.0.0.1:9090
  PUBSUB_EMULATOR_HOST=127.0.0.1:8085 spillway doctor offers --project=demo --output=json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &config.Error{Key: cmd.CommandPath(), Value: args[1], Problem: "is one argument too many", Cure: fmt.Sprintf("see %s --help", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.Target = args[0]
			}
			app, err := doctor.New(opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	return cmd
}
