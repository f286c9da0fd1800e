package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestAReleaseIsReproducibleAndWhole(t *testing.T) {
	version := "v0.0.1-test"
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	args := []string{"release", "--modified", "--registry=registry.example/team", "--version=" + version, "--platform=linux/" + runtime.GOARCH}
	sums := ship(t, append(args, "--out="+one)...)
	if again := ship(t, append(args, "--out="+two)...); again != sums {
		t.Errorf("made twice:\n%s\n%s", sums, again)
	}
	var files []string
	for line := range strings.Lines(sums) {
		files = append(files, strings.Fields(line)[1])
	}
	on := "_" + version + "_linux_" + runtime.GOARCH
	want := []string{
		"IMAGES", "RELEASE_NOTES.md",
		"backlog-exporter" + on + ".cdx.json", "backlog-exporter_" + version + "_image.tar",
		"manifests_" + version + ".tar.gz",
		"spillway" + on + ".cdx.json", "spillway" + on + ".tar.gz", "spillway_" + version + "_image.tar",
		"worker" + on + ".cdx.json", "worker_" + version + "_image.tar",
	}
	slices.Sort(want)
	if !slices.Equal(files, want) {
		t.Errorf("it holds %v, want %v", files, want)
	}
	check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--quiet", "SHA256SUMS")
	check.Dir = one
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if images := read(t, one, "IMAGES"); strings.Count(images, "registry.example/team/") != 3 || strings.Count(images, ":"+version+"@sha256:") != 3 {
		t.Errorf("IMAGES says\n%s", images)
	}
	folder := t.TempDir()
	unpack(t, filepath.Join(one, "spillway"+on+".tar.gz"), folder)
	for _, program := range programNames() {
		out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "spillway"+on, program), "--version").Output()
		if err != nil || !strings.HasPrefix(string(out), program+" "+version+" ") {
			t.Errorf("%s --version: %v, %s", program, err, out)
		}
	}
	unpack(t, filepath.Join(one, "manifests_"+version+".tar.gz"), folder)
	worker := read(t, folder, "manifests_"+version, "base", "worker", "deployment.yaml")
	if !strings.Contains(worker, "image: registry.example/team/worker:"+version+"\n") {
		t.Errorf("the worker's Deployment is\n%s", worker)
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func unpack(t *testing.T, archive, folder string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "tar", "--extract", "--gzip", "--file="+archive, "--directory="+folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestAReleaseOfWhatIsNotCommittedIsRefused(t *testing.T) {
	root := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", root, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "cmd", "worker"), 0o700); err != nil {
		t.Fatal(err)
	}
	changelog := filepath.Join(root, "CHANGELOG.md")
	if err := os.WriteFile(changelog, []byte("## [Unreleased]\n- a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "a")
	release := func(version string) (int, string) {
		code, _, stderr := run(t.Context(), "release", "--root="+root, "--out="+filepath.Join(t.TempDir(), "out"), "--version="+version)
		return code, stderr
	}
	if code, stderr := release("v1.0.0"); code != 1 || !strings.Contains(stderr, "CHANGELOG.md has no section ## [1.0.0]") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if err := os.WriteFile(changelog, []byte("## [1.0.0]\n- a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stderr := release("v1.0.0"); code != 1 || !strings.Contains(stderr, "files differ from commit ") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestWrongReleases(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "old"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t.Context(), "release", "--out="+full, "--version=1.2", "--platform=plan9/amd64,linux/amd64")
	want := []string{`--out "` + full + `": is not empty`, `--version "1.2": is not a release's; give one such as v1.2.3`, `--platform "plan9/amd64": is not built for; give linux/amd64`}
	lines := bytes.Split(bytes.TrimSpace([]byte(stderr)), []byte("\n"))
	if code != 2 || len(lines) != len(want) {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	for i := range want {
		if !bytes.Contains(lines[i], []byte(want[i])) {
			t.Errorf("%s does not say %q", lines[i], want[i])
		}
	}
	for version, ok := range map[string]bool{"v1.2.3": true, "v1.2.3-rc.1": true, "v0.0.0": true, "1.2.3": false, "v1.2": false, "v01.2.3": false, "v1.2.3-": false, "v1.2.3+x": false, "": false} {
		if releasePattern.MatchString(version) != ok {
			t.Errorf("%q is a release's: %v", version, !ok)
		}
	}
}
