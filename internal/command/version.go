package command

import (
	"runtime/debug"
	"strings"
)

// Version is a program's name and what its build recorded, for example "worker (devel) 1a2b3c4d5e6f go1.26.8".
func Version(program string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return program + " (unknown)"
	}
	words := []string{program, info.Main.Version}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			words = append(words, s.Value[:min(12, len(s.Value))])
		}
	}
	return strings.Join(append(words, info.GoVersion), " ")
}
