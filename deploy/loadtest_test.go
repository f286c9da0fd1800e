package deploy_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"spillway/internal/load/httpload"
	"spillway/internal/testenv"
)

// kubectl answers as a cluster would whose autoscaler takes a step at each look. It writes each call, and what it is given to create.
const kubectl = `#!/usr/bin/env bash
echo "$*" >>"$FAKE/calls"
case " $* " in
  *" get hpa "*"jsonpath"*)
    look=$(($(cat "$FAKE/look") + 1)); echo $look >"$FAKE/look"
    sed -n "${look}p" "$FAKE/answers" | { IFS= read -r line; case $line in "error "*) echo "${line#error }" >&2; exit 1 ;; esac; printf '%s' "$line"; } ;;
  *" get hpa "*) echo 'NAME     REFERENCE           TARGETS    MINPODS   MAXPODS   REPLICAS   AGE'; echo 'worker   Deployment/worker   295m/5     1         10        1          17h' ;;
  *" create "*) cat >"$FAKE/created"; [ ! -e "$FAKE/taken" ] || { echo 'Error from server (AlreadyExists): pods "load-test" already exists' >&2; exit 1; }; echo pod/load-test created ;;
  *" wait "*) [ ! -e "$FAKE/broken" ] || { echo 'error: timed out waiting for the condition' >&2; exit 1; }; echo pod/load-test condition met ;;
  *" get pod "*) printf Succeeded ;;
  *" logs "*) echo 'answered   15000, 50.0/s' ;;
  *" get events "*) echo 'Failed to pull image' ;;
  *" delete pod "*) echo 'pod "load-test" deleted' ;;
  *) echo "unexpected: $*" >&2; exit 9 ;;
esac
`

// script is load-test.sh with a kubectl, a date and a sleep of the test's.
type script struct {
	t      *testing.T
	folder string
}

func newScript(t *testing.T, answers ...string) script {
	t.Helper()
	s := script{t, t.TempDir()}
	s.program("kubectl", kubectl)
	s.program("date", "#!/bin/sh\necho 11:48:44\n")
	s.program("sleep", "#!/bin/sh\nexit 0\n")
	s.file("answers", strings.Join(answers, "\n")+"\n")
	s.file("look", "0\n")
	return s
}

func (s script) program(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), []byte(content), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

func (s script) file(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s script) read(name string) string {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.folder, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(content)
}

func (s script) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), "./load-test.sh", args...)
	cmd.Env = []string{"PATH=" + s.folder + ":" + os.Getenv("PATH"), "FAKE=" + s.folder}
	return cmd
}

func (s script) run(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), errs.String()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return 0, out.String(), errs.String()
}

func TestTheLoadTestTellsTheTutorialsStory(t *testing.T) {
	s := newScript(t,
		"1|1|295m |True ValidMetricFound", "3|1|97190m |True ValidMetricFound", "10|10|29217m 40k |True ValidMetricFound",
		"6|10|5 |True ValidMetricFound", "10|10| |False FailedGetPodsMetric", "||| ", "error Unable to connect to the server")
	code, stdout, stderr := s.run("--duration=70s", "--context=prod", "--rate=20")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	testenv.Golden(t, "testdata/load-test.golden", []byte(stdout))
	for call := range strings.Lines(s.read("calls")) {
		if !strings.HasPrefix(call, "--context prod --namespace spillway ") {
			t.Errorf("kubectl %s", call)
		}
	}
}

// The pod satisfies the restricted Pod Security Standard and the program takes its arguments.
func TestTheLoadTestsPod(t *testing.T) {
	s := newScript(t)
	if code, _, stderr := s.run("load", "-n", "shop", "--url=http://worker/demo?a=1&b=2", "--rate", "0.5", "--duration=2m", "--image=host:5000/team/spillway:v1@sha256:ab"); code != 0 {
		t.Fatal(stderr)
	}
	object, err := decode([]byte(s.read("created")))
	if err != nil {
		t.Fatal(err)
	}
	pod, ok := object.(*corev1.Pod)
	if !ok || len(pod.Spec.Containers) != 1 {
		t.Fatalf("created %T", object)
	}
	c := pod.Spec.Containers[0]
	if *pod.Spec.ActiveDeadlineSeconds != 180 || !*pod.Spec.SecurityContext.RunAsNonRoot || *c.SecurityContext.AllowPrivilegeEscalation || c.SecurityContext.Capabilities.Drop[0] != "ALL" {
		t.Errorf("%+v", pod.Spec)
	}
	if c.Image != "host:5000/team/spillway:v1@sha256:ab" || len(c.Args) < 3 || c.Args[0] != "load" || c.Args[1] != "http" {
		t.Fatalf("image %s, arguments %v", c.Image, c.Args)
	}
	opts := httpload.DefaultOptions()
	flags := pflag.NewFlagSet("load http", pflag.ContinueOnError)
	opts.RegisterFlags(flags)
	if err := flags.Parse(c.Args[2:]); err != nil {
		t.Fatal(err)
	}
	opts.URL = flags.Arg(0)
	if err := opts.Validate(); err != nil || opts.URL != "http://worker/demo?a=1&b=2" || opts.Rate != 0.5 || opts.Duration != 2*time.Minute {
		t.Errorf("%+v, %v", opts, err)
	}
	if calls := s.read("calls"); calls != "--namespace shop create -f -\n" {
		t.Errorf("calls %s", calls)
	}
}

func TestTheLoadTestsCommands(t *testing.T) {
	tests := map[string]struct {
		args  []string
		calls string
	}{
		"status": {[]string{"status", "--hpa", "offers"}, "--namespace spillway get hpa offers\n"},
		"clean":  {[]string{"clean", "-n=shop"}, "--namespace shop delete pod load-test --ignore-not-found --wait=false\n"},
	}
	for name, tt := range tests {
		s := newScript(t)
		if code, _, stderr := s.run(tt.args...); code != 0 || s.read("calls") != tt.calls {
			t.Errorf("%s: exit %d, %s\ncalls %s", name, code, stderr, s.read("calls"))
		}
	}
	s := newScript(t, "1|1|5 |True", "1|1|5 |True")
	if code, stdout, _ := s.run("watch", "--duration=20"); code != 0 || strings.Count(stdout, "Stable") != 2 || strings.Contains(s.read("calls"), "create") {
		t.Errorf("watch: exit %d\n%s", code, stdout)
	}
}

func TestTheLoadTestRemovesItsPodWhateverHappens(t *testing.T) {
	t.Run("the pod does not start", func(t *testing.T) {
		s := newScript(t)
		s.file("broken", "")
		code, _, stderr := s.run("--duration=10s")
		if code != 1 || !strings.Contains(stderr, "Failed to pull image") || !strings.Contains(s.read("calls"), "delete pod load-test") {
			t.Errorf("exit %d, %s\ncalls %s", code, stderr, s.read("calls"))
		}
	})
	t.Run("it is interrupted", func(t *testing.T) {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			s := newScript(t, "1|1|5 |True")
			s.program("sleep", "#!/bin/sh\ntouch $FAKE/asleep\nexec /bin/sleep 600\n")
			cmd := s.command()
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool {
				_, err := os.Stat(filepath.Join(s.folder, "asleep"))
				return err == nil
			})
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 130 || !strings.HasSuffix(s.read("calls"), "delete pod load-test --ignore-not-found --wait=false\n") {
				t.Errorf("%s: exit %d\ncalls %s", signal, cmd.ProcessState.ExitCode(), s.read("calls"))
			}
		}
	})
	t.Run("but not somebody else's", func(t *testing.T) {
		s := newScript(t)
		s.file("taken", "")
		code, _, stderr := s.run()
		if code != 1 || !strings.Contains(stderr, "AlreadyExists") || !strings.Contains(stderr, "load-test.sh clean") || strings.Contains(s.read("calls"), "delete") {
			t.Errorf("exit %d, %s\ncalls %s", code, stderr, s.read("calls"))
		}
	})
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within a minute")
		}
	}
}

func TestTheLoadTestTellsAllWrongOptionsAtOnce(t *testing.T) {
	s := newScript(t)
	code, _, stderr := s.run("foo", "status", "watch", "--nope", "--hpa=", "--namespace=a/b", "--context=", "--url=ftp://x", "--rate=0", "--duration=5x", "--interval=0", "--image=a b", "-n")
	want := []string{
		"foo: is not a command; give run, status, load, watch or clean", "watch: a second command after status; give one",
		"--nope: there is no such option; see --help", "--context: is empty; give one of kubectl config get-contexts, or leave it out for the current one",
		"-n: needs a value; see --help", `--namespace "a/b": is not a name; give one as kubectl shows it`, `--hpa "": is not a name; give one as kubectl shows it`, `--image "a b": is not the name of an image`,
		`--url "ftp://x": is not an http or https URL; give one such as http://worker/demo`, `--rate "0": is not a number of requests per second`,
		`--duration "5x": is not a time; give one such as 300, 90s or 5m`, `--interval "0": is not a time; give one such as 300, 90s or 5m`,
	}
	var got []string
	for line := range strings.Lines(stderr) {
		got = append(got, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "load-test.sh: "))
	}
	if diff := cmp.Diff(want, got); code != 2 || diff != "" || s.read("calls") != "" {
		t.Errorf("exit %d, calls %q (-want +got)\n%s", code, s.read("calls"), diff)
	}
}
