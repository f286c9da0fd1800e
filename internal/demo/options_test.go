package demo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"spillway/internal/config"
)

func TestOptions(t *testing.T) {
	tests := []struct {
		args string
		pace Pace
		want []string // A part of each fault.
	}{
		{"", defaultPace, nil},
		{"--fast", fastPace, nil},
		{"--real-time --work-time=20ms", realPace, nil},
		{"--policy=desired --stay --page=[::1]:8088 --open", defaultPace, nil},
		{"--policy=both --page=", defaultPace, nil},
		{"--policy=cpu", 0, []string{`--policy "cpu": is no policy; give backlog, desired or both`}},
		{"--policy=both --stay", 0, []string{"--stay"}},
		{"--page= --open", 0, []string{"--open"}},
		{"--page=0.0.0.0:8088", 0, []string{"--page \"0.0.0.0:8088\": is not a port of this machine alone; give 127.0.0.1:0"}},
		{"--page=:8088", 0, []string{"--page"}},
		{"--page=127.0.0.1", 0, []string{"--page"}},
		{"--page=127.0.0.1:http", 0, []string{"--page"}},
		{"--page=example.org:80", 0, []string{"--page"}},
		{"--fast --real-time", 0, []string{"--fast: excludes --real-time"}},
		{"--work-time=0s", 0, []string{"--work-time \"0s\": is out of range; give 1ms to 10s"}},
		{"--work-time=1h --fast --real-time", 0, []string{"--fast", "--work-time"}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			o := DefaultOptions()
			fs := pflag.NewFlagSet("demo", pflag.ContinueOnError)
			o.RegisterFlags(fs)
			if err := fs.Parse(strings.Fields(tt.args)); err != nil {
				t.Fatal(err)
			}
			err := o.Validate()
			if len(tt.want) == 0 {
				if err != nil || o.pace() != tt.pace {
					t.Fatalf("%v, pace %g", err, float64(o.pace()))
				}
				return
			}
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("%v is not a fault of the configuration", err)
			}
			for i, line := range strings.Split(err.Error(), "\n") {
				if !strings.Contains(line, tt.want[i]) {
					t.Errorf("%q does not say %q", line, tt.want[i])
				}
			}
		})
	}
}

func TestAMissingProgramIsNamedWithTheCure(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "spillway"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "worker"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := DefaultOptions()
	o.BinDir = dir
	_, err := New(o, nil)
	if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Fatalf("got %v", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "holds no program worker; run `make build`") || !strings.Contains(lines[1], "backlog-exporter") {
		t.Errorf("got %v", err)
	}
}

func TestTheProgramsTimesScaleWithThePace(t *testing.T) {
	f := sellingOffers()
	tests := []struct {
		p    program
		want []string
	}{
		{
			emulatorProgram("bin/spillway", f, 12),
			[]string{"emulator", "--project=spillway-demo", "--create=sellingoffer:opera-sellingoffer-v1", "--monitoring-speed=12"},
		},
		{
			exporterProgram("bin/backlog-exporter", f, 12, "127.0.0.1:1", "/tmp/workers.json"),
			[]string{
				"--subscription=projects/spillway-demo/subscriptions/opera-sellingoffer-v1", "--monitoring-endpoint=127.0.0.1:1",
				"--poll-interval=5s", "--fresh-for=20s", "--hold-for=25s",
				"--workers-file=/tmp/workers.json",
			},
		},
		{
			workerProgram("bin/worker", "worker-1", f, 12, "127.0.0.1:1", "http://127.0.0.1:2/offers"),
			[]string{"--target=http://127.0.0.1:2/offers", "--drain-limit=15s", "--lease-extension=10s"},
		},
	}
	for _, tt := range tests {
		for _, want := range append(tt.want, "--listen=127.0.0.1:0", "--log-format=json") {
			if !slices.Contains(tt.p.args, want) {
				t.Errorf("%s: no %s in %v", tt.p.name, want, tt.p.args)
			}
		}
	}
	if env := tests[2].p.env; !slices.Contains(env, "PUBSUB_EMULATOR_HOST=127.0.0.1:1") {
		t.Errorf("the worker's environment is %v", env)
	}
}
