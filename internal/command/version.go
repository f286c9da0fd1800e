package command

import (
	"runtime/debug"
	"strings"
)

// version is that of a release, such as v1.2.3; empty in any other build. The linker alone writes it:
// -ldflags=-X=spillway/internal/command.version=v1.2.3.
var version string

// Version is a program's name, its version and what its build recorded, for example "worker v1.2.3 1a2b3c4d5e6f go1.26.8". Without a
// release's version it has the one that Go makes of the commit.
func Version(program string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return program + " (unknown)"
	}
	words := []string{program, info.Main.Version}
	if version != "" {
		words[1] = version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			words = append(words, s.Value[:min(12, len(s.Value))])
		}
	}
	return strings.Join(append(words, info.GoVersion), " ")
}
