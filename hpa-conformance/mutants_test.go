package conformance

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spillway/hpa-conformance/trace"
)

// sample is how many decisions each mutant is shown.
const sample = 10_000

// TestMutants changes ours in one place at a time, and holds that the comparison with what the real controller did tells each change. The same
// comparison of ours as it is finds no difference, also after the traces have been through a file.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program for each mutant")
	}
	folder := t.TempDir()
	traces := record(t, filepath.Join(folder, "traces.json"))
	if code, output := replay(t, build(t, folder, "ours", nil), traces); code != 0 {
		t.Fatalf("ours differs:\n%s", output)
	}
	for _, m := range mutants() {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			code, output := replay(t, build(t, t.TempDir(), "mutant", &m), traces)
			if code != 3 {
				t.Errorf("code %d: nothing tells this mutant from ours; %s: %q for %q\n%s", code, m.file, m.mutated, m.original, output)
			}
		})
	}
}

// record plays traces into a file.
func record(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	encoder := json.NewEncoder(file)
	played := []*trace.Trace{crafted(t)}
	for seed := uint64(1); seed <= sample/syncs; seed++ {
		played = append(played, play(t, seed))
	}
	for _, p := range played {
		if err := encoder.Encode(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// build makes the program that replays traces, with a mutant in the place of one of our files.
func build(t *testing.T, folder, name string, m *mutant) string {
	t.Helper()
	program := filepath.Join(folder, name)
	args := []string{"build", "-trimpath", "-o", program}
	if m != nil {
		args = append(args, "-overlay="+m.overlay(t, folder))
	}
	output, err := exec.CommandContext(t.Context(), "go", append(args, "./replay")...).CombinedOutput()
	if err != nil {
		t.Fatalf("building: %v\n%s", err, output)
	}
	return program
}

func replay(t *testing.T, program, traces string) (code int, output string) {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), program, traces).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(text)
}

// overlay writes the mutated file, and tells the compiler to take it for ours.
func (m *mutant) overlay(t *testing.T, folder string) string {
	t.Helper()
	ours, err := filepath.Abs(filepath.Join("ours", "internal", "hpa", m.file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(ours)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.original); n != 1 {
		t.Fatalf("%s has %q %d times, want once", m.file, m.original, n)
	}
	mutated, overlay := filepath.Join(folder, m.file), filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(source), m.original, m.mutated, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{ours: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}
