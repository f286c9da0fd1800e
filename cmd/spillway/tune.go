package main

import (
	"github.com/spf13/cobra"

	"spillway/internal/terminal"
	"spillway/internal/tune"
)

func newTune() *cobra.Command {
	opts := tune.DefaultOptions()
	cmd := &cobra.Command{
		Use:   "tune",
		Short: "Find out what an autoscaler does to a flow, and which one to take",
		Long: "Play a flow's arrivals, second by second, with the autoscaler that there is, the best one on raw backlog, and those on\n" +
			"desired replicas; print what each comes to and why, and the autoscaler to apply. Nothing is changed anywhere.\n" +
			"What is missing is asked for where a person is at the terminal. docs/tuning.md explains the figures.",
		Example: `  spillway tune --capacity=200 --start-up=30s --synthetic=blackfriday_burst --hpa=hpa.yaml --report=tune.html
  spillway tune --worker=http://127.0.0.1:8080 --prometheus=http://127.0.0.1:9090 --query='sum(rate(published_total[1m]))'
  spillway tune --capacity=200 --trace=arrivals.csv --name=offers --namespace=shop --slo=5m`,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			in := cmd.InOrStdin()
			if !terminal.Answers(in) {
				return nil
			}
			if err := opts.ValidateGiven(); err != nil {
				return err
			}
			return opts.Ask(in, cmd.ErrOrStderr())
		},
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if terminal.Answers(cmd.InOrStdin()) {
				return opts.ValidateGiven()
			}
			return opts.Validate()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := tune.New(opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	return cmd
}
