package command

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// The version and the commit of a release, such as v1.2.3; empty in any other build. The linker alone writes them:
// -ldflags=-X=spillway/internal/command.version=v1.2.3.
var (
	version  string
	revision string //nolint:gochecknoglobals // As version, which the linter knows.
)

// Version is a program's name, its version, its commit and the Go release, for example "worker v1.2.3 1a2b3c4d5e6f go1.26.8". A build
// that is no release has what Go has recorded of the clone instead.
func Version(program string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return program + " (unknown)"
	}
	words := []string{program, cmp.Or(version, info.Main.Version)}
	if commit := cmp.Or(revision, recorded(info)); commit != "" {
		words = append(words, commit[:min(12, len(commit))])
	}
	return strings.Join(append(words, info.GoVersion), " ")
}

func recorded(info *debug.BuildInfo) string {
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
