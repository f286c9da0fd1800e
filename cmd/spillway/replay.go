package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/internal/tune"
)

func newReplay() *cobra.Command {
	opts := tune.DefaultReplayOptions()
	take := func(args []string) {
		if len(args) == 1 {
			opts.File = args[0]
		}
	}
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Find out what would have happened to a recorded flow with other settings",
		Long: "Read what backlog-exporter recorded with --record, find out when its messages were published, and play them again with the\n" +
			"settings of then and with others: another autoscaler, another T or h, a raw backlog's target. Nothing is changed anywhere.",
		Example: `  spillway replay incident.jsonl --target=40000
  spillway replay incident.jsonl --drain=30s --headroom=1.1 --hpa=hpa.yaml --report=replay.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &config.Error{Key: cmd.CommandPath(), Value: args[1], Problem: "is one argument too many", Cure: fmt.Sprintf("see %s --help", cmd.CommandPath())}
			}
			return nil
		},
		PreRunE: func(_ *cobra.Command, args []string) error {
			take(args)
			return opts.Validate()
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			take(args)
			app, err := tune.NewReplay(opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	return cmd
}
