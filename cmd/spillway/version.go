package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the revision and the Go version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

// version is what the build recorded, for example "spillway (devel) 1a2b3c4d5e6f go1.26.8".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "spillway (unknown)"
	}
	words := []string{"spillway", info.Main.Version}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			words = append(words, s.Value[:min(12, len(s.Value))])
		}
	}
	return strings.Join(append(words, info.GoVersion), " ")
}
