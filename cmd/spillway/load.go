package main

import (
	"github.com/spf13/cobra"

	"spillway/internal/load"
)

func newLoad() *cobra.Command {
	opts := load.DefaultOptions()
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Publish messages at a rate or as a burst; load http sends requests",
		Long: "Publish messages to a topic at a rate or as a burst, to Pub/Sub by Application Default Credentials or to the emulator\n" +
			"that PUBSUB_EMULATOR_HOST names. Prints how many were published and how many failed; exits with 1 if any failed.\n" +
			"Ctrl-C ends it early with the same summary.",
		Example: `  spillway load --topic=projects/shop/topics/offers --rate=500 --for=1m
  PUBSUB_EMULATOR_HOST=127.0.0.1:8085 spillway load --project=demo --topic=offers --burst=100000 --size=1024`,
		PreRunE: func(*cobra.Command, []string) error { return opts.Validate() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := load.New(cmd.Context(), opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	cmd.AddCommand(newLoadHTTP())
	return cmd
}
