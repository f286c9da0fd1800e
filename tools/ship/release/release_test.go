package release_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"

	"spillway/tools/ship/release"
)

var at = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

var made = release.Made{Program: "worker", Version: "v1.2.3", Revision: "0123abcd", At: at}

func content() []release.File {
	return []release.File{{Name: "LICENSE", Content: []byte("Apache"), Mode: 0o644}, {Name: "worker", Content: []byte("\x7fELF"), Mode: 0o755}}
}

func TestATarHasItsFilesOwnersAndTimes(t *testing.T) {
	var one, two bytes.Buffer
	for _, out := range []*bytes.Buffer{&one, &two} {
		if err := release.TarGz(out, "spillway_v1", content(), at); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two archives of the same differ")
	}
	plain, err := gzip.NewReader(&one)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(plain); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, header.Name+" "+header.FileInfo().Mode().String())
		if !header.ModTime.Equal(at) || header.Uid != 0 || header.Uname != "" {
			t.Errorf("%+v", header)
		}
	}
	if diff := cmp.Diff([]string{"spillway_v1/LICENSE -rw-r--r--", "spillway_v1/worker -rwxr-xr-x"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAZipHasItsFiles(t *testing.T) {
	var one, two bytes.Buffer
	for _, out := range []*bytes.Buffer{&one, &two} {
		if err := release.Zip(out, "spillway_v1", content(), at.In(time.FixedZone("CET", 3600))); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two archives of the same differ")
	}
	r, err := zip.NewReader(bytes.NewReader(one.Bytes()), int64(one.Len()))
	if err != nil {
		t.Fatal(err)
	}
	file, err := r.Open("spillway_v1/worker")
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil || info.Mode() != 0o755 || !info.ModTime().Equal(at) {
		t.Errorf("%v, %v at %v", err, info.Mode(), info.ModTime())
	}
}

func TestABillOfMaterialsNamesWhatIsInTheBinary(t *testing.T) {
	built := filepath.Join(t.TempDir(), "ship") // A test's own binary has no list of modules.
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", built, "spillway/tools/ship").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	binary, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	text, err := release.BillOfMaterials(made, binary)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := release.BillOfMaterials(made, binary); err != nil || !bytes.Equal(text, again) {
		t.Errorf("another time it differs: %v", err)
	}
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(text), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, c := range *bom.Components {
		names[c.Name] = c.PackageURL
	}
	main := bom.Metadata.Component
	if main.Name != "worker" || main.Version != "v1.2.3" || len((*main.Hashes)[0].Value) != 64 || (*main.Properties)[0].Value != "0123abcd" || bom.SpecVersion != cyclonedx.SpecVersion1_6 {
		t.Errorf("%+v", main)
	}
	if names["github.com/spf13/cobra"] != "pkg:golang/github.com/spf13/cobra@v1.10.2" || !strings.HasPrefix(names["std"], "pkg:golang/std@1.") {
		t.Errorf("components %v", names)
	}
	if dependencies := *bom.Dependencies; dependencies[0].Ref != "worker" || len(*dependencies[0].Dependencies) != len(names) {
		t.Errorf("dependencies %+v", dependencies)
	}
	if len(bom.SerialNumber) != 45 || !strings.HasPrefix(bom.SerialNumber, "urn:uuid:") || bom.SerialNumber[23] != '8' {
		t.Errorf("serial number %s", bom.SerialNumber)
	}
}

func TestWhatGoHasNotBuiltHasNoBillOfMaterials(t *testing.T) {
	if _, err := release.BillOfMaterials(made, []byte("#!/bin/sh")); err == nil || !strings.Contains(err.Error(), "reading what worker was built of") {
		t.Errorf("got %v", err)
	}
}

func TestTheNotesOfAVersion(t *testing.T) {
	const changelog = "# Changelog\n\n## [Unreleased]\n\n### Added\n- b\n\n## [1.2.3] - 2026-11-22\n\n### Added\n- a\n\n## [1.2.2]\n\n"
	for version, want := range map[string]string{"v1.2.3": "### Added\n- a\n", "v1.3.0-rc.1": "### Added\n- b\n", "v1.3.0": "", "v1.2.2": "", "v1.2": ""} {
		got, err := release.Notes(changelog, version)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", version, got, err, want)
		}
	}
}

func TestManifestsNameTheImagesOfTheVersion(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	tree := fstest.MapFS{
		"base/worker.yaml":     file("containers:\n- name: worker\n  image: spillway/worker\n- image: app\n"),
		"base/exporter.yaml":   file("  - image: spillway/backlog-exporter\n"),
		"load-test.sh":         file("#!/bin/bash\n"),
		"README.md":            file("image: spillway/worker\n"),
		"deploy_test.go":       file("package deploy"),
		"testdata/golden.yaml": file("image: spillway/worker\n"),
	}
	files, err := release.Manifests(tree, func(program string) string { return "host/" + program + ":v1" })
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		got[f.Name] = string(f.Content)
		if f.Mode != map[bool]fs.FileMode{true: 0o755, false: 0o644}[f.Name == "load-test.sh"] {
			t.Errorf("%s: %v", f.Name, f.Mode)
		}
	}
	want := map[string]string{
		"base/worker.yaml":   "containers:\n- name: worker\n  image: host/worker:v1\n- image: app\n",
		"base/exporter.yaml": "  - image: host/backlog-exporter:v1\n",
		"load-test.sh":       "#!/bin/bash\n",
		"README.md":          "image: spillway/worker\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := release.Manifests(fstest.MapFS{"a.yaml": file("image: app\n")}, nil); err == nil {
		t.Error("manifests without our images were taken")
	}
}

// A manifest that names an image in another form would keep it without a version.
func TestTheShippedManifestsNameTheImagesOfTheVersion(t *testing.T) {
	files, err := release.Manifests(os.DirFS("../../../deploy"), func(program string) string { return "host/" + program + ":v1" })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".yaml") && strings.Contains(string(f.Content), "image: spillway/") {
			t.Errorf("%s names an image without a version", f.Name)
		}
	}
}
