package main

import (
	"os"
	"path/filepath"
	"regexp"
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

func TestTuneRefusesBadInput(t *testing.T) {
	t.Parallel()
	const flow = "tune --capacity=200 --synthetic=spike "
	dir := t.TempDir()
	manifest := filepath.Join(dir, "hpa.yaml")
	content, err := os.ReadFile("../../deploy/components/hpa-backlog/hpa.yaml")
	if err != nil {
		t.Fatal(err)
	}
	huge := regexp.MustCompile(`maxReplicas: \d+`).ReplaceAll(content, []byte("maxReplicas: 2000000000"))
	if err := os.WriteFile(manifest, huge, 0o600); err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(dir, "arrivals.csv")
	if err := os.WriteFile(trace, []byte("0,1\n60,many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args string
		want []string
	}{
		{flow + "--report=/no/such/folder/tune.html --write-hpa=" + dir, []string{`--report "/no/such/folder/tune.html": is in no directory`, `--write-hpa "` + dir + `": is a directory`}},
		{flow + "--report=" + dir + "/new --write-hpa=" + dir + "/./new", []string{`--write-hpa "` + dir + `/./new": is the file of --report too`}},
		{flow + "--hpa=" + manifest + " --write-hpa=" + manifest, []string{`is the file of --hpa too; give another`}},
		{flow + "--hpa=" + manifest, []string{`--max: the autoscaler's maxReplicas, 2000000000, is more than can be played; give --max, at most 10000`}},
		{flow + "--subscription=offers --measure-for=5s", []string{`--subscription "offers": has no meaning without --worker`, `--measure-for "5s": has no meaning without --worker`}},
		{flow + "--last=1h --until=2026-11-27T12:00:00Z", []string{`--last "1h0m0s": has no meaning without the URL of --prometheus`, `--until`}},
		{flow + "--name=a/b", []string{`--name "a/b": does not name an autoscaler`}},
		{"tune --capacity=200 --prometheus=/no/such/file --max=-1", []string{`--prometheus "/no/such/file": is not a file that can be read`, `--max "-1": is out of range; give 1 to 10000`}},
		{"tune --capacity=200 --trace=" + trace, []string{`row 2: "60" and "many" are not both numbers; give a CSV file of seconds and messages a second`}},
	}
	for _, tt := range tests {
		code, stdout, stderr := run(t, "", strings.Fields(tt.args)...)
		if code != 2 || stdout != "" || strings.Count(stderr, "\n") != len(tt.want) {
			t.Errorf("%s: exit %d\nstdout: %s\nstderr: %s", tt.args, code, stdout, stderr)
		}
		for _, want := range tt.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: no %q in %s", tt.args, want, stderr)
			}
		}
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
