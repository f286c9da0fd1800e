package main

import (
	"strings"
	"testing"

	"spillway/internal/testenv"
)

func TestReplayHelp(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, "", "replay", "--help")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	testenv.Golden(t, "testdata/replay-help.golden", []byte(stdout))
}

func TestReplayRefusesBadInput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args string
		want []string
	}{
		{"replay", []string{"FILE: is required; give a recording of backlog-exporter --record=FILE"}},
		{"replay main.go", []string{`FILE "main.go": line 1: not a recording of this version`}},
		{"replay none --drain=0.1s --headroom=0.5", []string{`FILE "none": is not a file that can be read`, `--drain "100ms"`, `--headroom "0.5"`}},
		{"replay a b", []string{`"b": is one argument too many`}},
		{"replay a --targt=5", []string{"--targt: there is no such flag; did you mean --target?"}},
	}
	for _, tt := range tests {
		code, stdout, stderr := run(t, "", strings.Fields(tt.args)...)
		if code != 2 || stdout != "" {
			t.Errorf("%s: exit %d\nstdout: %s\nstderr: %s", tt.args, code, stdout, stderr)
		}
		for _, want := range tt.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: no %q in %s", tt.args, want, stderr)
			}
		}
	}
}
