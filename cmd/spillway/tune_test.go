package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spillway/internal/testenv"
)

func TestTuneHelp(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, "", "tune", "--help")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	testenv.Golden(t, "testdata/tune-help.golden", []byte(stdout))
}

func TestTuneAnswers(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "tune.html")
	code, stdout, stderr := run(t, "", "tune", "--capacity=200", "--synthetic=spike", "--hpa=../../deploy/components/hpa-backlog/hpa.yaml", "--report="+report)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "\nRecommended: scale on desired replicas, 2 to 20 pods: ") {
		t.Fatalf("exit %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
	}
	if info, err := os.Stat(report); err != nil || info.Size() < 10_000 {
		t.Errorf("the report: %+v, %v", info, err)
	}
}

func TestTuneTellsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, "", "tune", "--slo=0s", "--synthetik=spike", "--min=9", "--max=3")
	want := "spillway: --synthetik: there is no such flag; did you mean --synthetic?\n"
	if code != 2 || stdout != "" || !strings.HasPrefix(stderr, want) || !strings.Contains(stderr, `--max "3": is below --min 9`) {
		t.Errorf("exit %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
	}
	code, stdout, stderr = run(t, "", "tune", "--slo=0s", "--min=9", "--max=3")
	for _, want := range []string{"--capacity: or --worker is required", "--trace: or --prometheus or --synthetic is required", `--slo "0s": is out of range`, `--max "3": is below --min 9`} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in %s", want, stderr)
		}
	}
	if code != 2 || stdout != "" || strings.Count(stderr, "\n") != 4 {
		t.Errorf("exit %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
	}
}
