package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/internal/emulator"
	"spillway/internal/logging"
)

func newEmulator() *cobra.Command {
	opts, logs := emulator.DefaultOptions(), logging.DefaultOptions()
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve Pub/Sub and Cloud Monitoring from memory on one port",
		Example: `  spillway emulator --create=offers:offers-v1
  spillway emulator --listen=127.0.0.1:0 --project=shop --create=offers:offers-v1,audit --monitoring-speed=10`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var errs config.Errors
			logs.Validate(&errs)
			if err := errors.Join(opts.Validate(), errs.Err()); err != nil {
				return err
			}
			log := logging.New(logs, os.Stderr).Named("emulator")
			defer func() { _ = log.Sync() }()
			app, err := emulator.New(opts, log)
			if err != nil {
				return err
			}
			announce(cmd.OutOrStdout(), app.Addr(), opts)
			return app.Run(cmd.Context())
		},
	}
	opts.RegisterFlags(cmd.Flags())
	logs.RegisterFlags(cmd.Flags())
	return cmd
}

// announce says what is served and what to put into the environment of the programs that are to use it.
func announce(out io.Writer, address string, opts emulator.Options) {
	fmt.Fprintf(out, "Pub/Sub and Cloud Monitoring on %s, metrics on http://%s/metrics\n", address, address)
	for _, made := range opts.Created() {
		fmt.Fprintln(out, "created", made)
	}
	fmt.Fprintf(out, "\n  export PUBSUB_EMULATOR_HOST=%s\n\n", address)
}
