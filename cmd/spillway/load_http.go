package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/internal/load/httpload"
)

func newLoadHTTP() *cobra.Command {
	opts := httpload.DefaultOptions()
	cmd := &cobra.Command{
		Use:   "http URL",
		Short: "Send HTTP requests at a constant rate",
		Long: "Send requests to a URL at a constant rate, whatever the server does, and print how many were answered, with which\n" +
			"status, and after how long. A request is due at its time; if the server is slow it waits, and the waiting is in its\n" +
			"latency. Exits with 1 if a request failed (no answer, or a status of 400 and more) or could not be sent in time.\n" +
			"Ctrl-C ends it early with the same summary; a second one at once.",
		Example: `  spillway load http http://127.0.0.1:8080/demo --rate=50 --duration=5m
  kubectl run load --rm -it --image=REGISTRY/spillway:TAG --restart=Never -- load http http://worker/demo --rate=50`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &config.Error{Key: cmd.CommandPath(), Value: args[1], Problem: "is one argument too many", Cure: "give one URL; quote it if it holds & or ;"}
			}
			return nil
		},
		PreRunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.URL = args[0]
			}
			return opts.Validate()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := httpload.New(opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return fmt.Errorf("preparing the load: %w", err)
			}
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	return cmd
}
