package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spillway/internal/command"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the revision and the Go version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), command.Version(cmd.Root().Name()))
			return err
		},
	}
}
