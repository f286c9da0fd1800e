// Command spillway is the tool for people: an emulator, a load generator, a demo that shows everything at work, and a doctor
// that finds out why it does not.
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
		Use:   "spillway",
		Short: "Try out Pub/Sub consumers that scale by their backlog",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newDemo(), newDoctor(), newEmulator(), newLoad(), newReplay(), newTune(), newVersion())
	return root
}
