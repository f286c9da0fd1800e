package main

import (
	"errors"

	"github.com/spf13/cobra"

	"spillway/internal/command"
	"spillway/internal/demo"
)

func newDemo() *cobra.Command {
	opts := demo.DefaultOptions()
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a day of load, a burst and the scaling of workers in minutes",
		Long: "Start an emulator, the exporter and workers as processes of their own, publish a steady flow, a burst and a quiet time,\n" +
			"and scale the workers between 2 and 20 as the HorizontalPodAutoscaler would, by the backlog or by desired replicas (--policy).\n" +
			"A page with charts and controls is served on this machine alone. Ends by itself with a summary, unless a control was used.\n" +
			"Exits with 0 when every message was handled, 1 when something went wrong, and 130 when Ctrl-C ended it early.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := demo.New(opts, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			err = app.Run(cmd.Context())
			if errors.Is(err, demo.ErrInterrupted) {
				return command.ErrInterrupted
			}
			return err
		},
	}
	opts.RegisterFlags(cmd.Flags())
	return cmd
}
