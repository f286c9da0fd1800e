// Command ship makes what is given to others: images, and with the command release everything else. `make images`, `make push`
// and `make release` run it.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"spillway/internal/command"
)

func main() {
	os.Exit(command.Main(context.Background(), newCommand(), os.Args[1:], os.Stderr))
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "ship",
		Short: "Make Spillway's images and releases, the same bytes each time",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newImages(), newPush(), newRelease(), newRootfs())
	return root
}
