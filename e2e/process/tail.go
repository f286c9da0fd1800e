package process

import (
	"os"
	"strings"
)

// tailLines is how much of a log goes into an error.
const tailLines = 15

// tail returns the last lines of a file, or why it cannot.
func tail(path string) string {
	content, err := os.ReadFile(path) //nolint:gosec // It is the log that the process was given.
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
