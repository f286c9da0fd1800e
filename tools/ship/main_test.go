package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log" //nolint:depguard // The registry wants one, to be told to be silent.
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	imagename "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"spillway/internal/command"
)

// run runs ship to its end.
func run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	root := newCommand() //nolint:contextcheck // Its commands take the context that Main gives them.
	var out, errs bytes.Buffer
	root.SetOut(&out)
	code = command.Main(ctx, root, args, &errs)
	return code, out.String(), errs.String()
}

// ship runs it and expects it to succeed.
func ship(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := run(t.Context(), args...)
	if code != 0 {
		t.Fatalf("ship %s: exit %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func TestTheWorkersImageIsReproducibleAndRuns(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	version := "v0.0.0-test"
	said := ship(t, "images", "--out="+one, "--version="+version, "--program=worker", "--arch="+runtime.GOARCH)
	if again := ship(t, "images", "--out="+two, "--version="+version, "--program=worker", "--arch="+runtime.GOARCH); digest(t, again) != digest(t, said) {
		t.Errorf("built twice, got\n%s%s", said, again)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	to := strings.TrimPrefix(server.URL, "http://") + "/team"
	pushed := ship(t, "push", "--out="+one, "--version="+version, "--program=worker", "--registry="+to)
	if digest(t, pushed) != digest(t, said) || !strings.HasPrefix(pushed, to+"/worker:"+version+"@sha256:") {
		t.Errorf("pushed %s, built %s", pushed, said)
	}
	tag, err := imagename.NewTag(to + "/worker:" + version)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Image(tag, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		t.Fatal(err)
	}
	revision, err := exec.CommandContext(t.Context(), "git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := inside(t, pulled, "--version"), fmt.Sprintf("worker %s %.12s %s\n", version, revision, runtime.Version()); got != want {
		t.Errorf("--version says %q, want %q", got, want)
	}
}

// inside runs an image's entrypoint in its own file system as its own user, where the test may do that; otherwise from outside.
func inside(t *testing.T, from v1.Image, args ...string) string {
	t.Helper()
	config, err := from.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	stream := mutate.Extract(from)
	defer func() { _ = stream.Close() }()
	tar := exec.CommandContext(t.Context(), "tar", "--extract", "--no-same-owner", "--directory="+folder)
	tar.Stdin = stream
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	entrypoint := config.Config.Entrypoint[0]
	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, entrypoint), args...)
	if os.Geteuid() == 0 {
		cmd.Path, cmd.Dir = entrypoint, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: folder, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func digest(t *testing.T, line string) string {
	t.Helper()
	_, digest, found := strings.Cut(strings.TrimSpace(line), "@")
	if !found || strings.Contains(digest, "\n") {
		t.Fatalf("no digest in %q", line)
	}
	return digest
}

// What the Dockerfile copies is what `make images` packs.
func TestTheDockerfileTakesWhatRootfsWritesAndSaysTheSame(t *testing.T) {
	content, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programNames() {
		want := "FROM scratch AS " + program + "\nCOPY --from=build-" + program + " /rootfs /\nUSER 65532:65532\nENTRYPOINT [\"/" + program + "\"]\n"
		if !strings.Contains(string(content), want) {
			t.Errorf("the Dockerfile does not say\n%s", want)
		}
		if run := "RUN go -C tools/ship run . rootfs --program=" + program + " "; !strings.Contains(string(content), run) {
			t.Errorf("the Dockerfile does not say %q", run)
		}
	}
}

func TestRootfsWritesAnImagesFiles(t *testing.T) {
	out := t.TempDir()
	ship(t, "rootfs", "--program=worker", "--out="+out, "--version=v0.0.0-test", "--arch="+runtime.GOARCH)
	for _, file := range []string{"worker", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/Europe/Amsterdam"} {
		if info, err := os.Stat(filepath.Join(out, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestWrongInputIsToldAtOnce(t *testing.T) {
	empty := t.TempDir()
	tests := []struct {
		name string
		args []string
		want []string // A part of each line.
	}{
		{"nothing given", []string{"images"}, []string{"--out: is required", "--version: is required"}},
		{
			"everything wrong",
			[]string{"images", "--root=" + empty, "--out=x", "--version=a b", "--registry=https://x", "--arch=s390x", "--program=web"},
			[]string{
				`--root "` + empty + `": is not the folder`, `--version "a b": cannot be the tag`, `--registry "https://x": is not a registry`,
				`--arch "s390x": is not a processor`, `--program "web": is none of Spillway's; give worker`,
			},
		},
		{"nowhere to push", []string{"push", "--out=" + empty, "--version=v1", "--program=worker"}, []string{"--registry: is required; give where to push", "holds no worker.tar; run `make images` first"}},
		{"a flag that there is not", []string{"push", "--tag=v1", "--out=" + empty}, []string{"--tag: there is no such flag", "--version: is required", "--registry", "worker.tar", "backlog-exporter.tar", "spillway.tar"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := run(t.Context(), tt.args...)
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if code != 2 || len(lines) != len(tt.want) {
				t.Fatalf("exit %d\n%s", code, stderr)
			}
			for i, want := range tt.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("%q does not say %q", lines[i], want)
				}
			}
		})
	}
}
