package main

import (
	"os"

	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/internal/logging"
	"spillway/internal/redrive"
)

func newRedrive() *cobra.Command {
	opts := redrive.DefaultOptions()
	logs := logging.DefaultOptions()
	logs.Level = "warn" // The progress says the rest.
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Move dead letters back to a topic",
		Long: "Move the messages of a dead-letter subscription to a topic, as they were before they were given up, until there are no\n" +
			"more. Each is acked when its copy is confirmed. Ctrl-C ends it early with the same summary.",
		Example: `  worker redrive --project=shop --subscription=offers-dead --topic=offers --dry-run
  worker redrive --subscription=projects/shop/subscriptions/offers-dead --topic=projects/shop/topics/offers --limit=100`,
		PreRunE: func(*cobra.Command, []string) error {
			var errs config.Errors
			errs.Append(config.List(opts.Validate())...)
			logs.Validate(&errs)
			return errs.Err()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := logging.New(logs, os.Stderr).Named("redrive")
			defer func() { _ = log.Sync() }()
			app, err := redrive.New(cmd.Context(), opts, cmd.OutOrStdout(), cmd.ErrOrStderr(), log)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	logs.RegisterFlags(cmd.Flags())
	return cmd
}
