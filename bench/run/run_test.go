package run

import (
	"bytes"
	"os/exec"
	"testing"
	"time"
)

func TestRowsAreNameValueUnit(t *testing.T) {
	var out bytes.Buffer
	rows := Rows{{"messages", 1234567.8, "msgs/s"}, {"flatness", 0.9876, "ratio"}}
	rows.Write(&out)
	if got, want := out.String(), "=== rows\nmessages 1234568 msgs/s\nflatness 0.988 ratio\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if got := rows.Value("messages"); got != 1234567.8 {
		t.Errorf("the value is %v", got)
	}
	if got := rows.Value("nothing"); got != 0 {
		t.Errorf("the value of no row is %v", got)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3, 1, 2}, 2}, {[]float64{4}, 4}, {[]float64{1, 2}, 2}} {
		if got := Median(test.values); got != test.want {
			t.Errorf("the median of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestAProcessCostsWhatItComputes(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is missing")
	}
	p, err := Start(t.Context(), Command{Path: shell, Args: []string{"-c", "while :; do :; done"}})
	if err != nil {
		t.Fatal(err)
	}
	var used time.Duration
	for begin := time.Now(); ; {
		if used, err = p.CPU(); err != nil {
			t.Fatal(err)
		}
		if used > 20*time.Millisecond {
			break
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("a busy loop has used %s in 30 s", used)
		}
	}
	resident, err := p.Resident()
	if err != nil || resident <= 0 {
		t.Errorf("resident %v, %v", resident, err)
	}
	peak, err := p.Peak()
	if err != nil || peak < resident {
		t.Errorf("peak %v below %v, %v", peak, resident, err)
	}
	if err := p.Stop(); err == nil {
		t.Error("a shell that dies by SIGTERM has ended well")
	}
	if rusage := p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(); rusage < used-time.Millisecond || rusage > 2*used+time.Second {
		t.Errorf("the clock said %s, rusage says %s", used, rusage)
	}
	select {
	case <-p.Ended():
	default:
		t.Error("the stopped process runs")
	}
	if err := p.Kill(); err != nil {
		t.Errorf("killing an ended process: %v", err)
	}
}

func TestAProgramThatEndsByItself(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is missing")
	}
	var out bytes.Buffer
	p, err := Start(t.Context(), Command{
		Path: shell, Args: []string{"-c", `trap 'echo "$GREETING"; exit 0' TERM; kill -TERM $$`},
		Env: []string{"GREETING=bye"}, Stdout: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Ended()
	if out.String() != "bye\n" {
		t.Errorf("printed %q", out.String())
	}
}
