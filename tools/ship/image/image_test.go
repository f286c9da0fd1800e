package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log" //nolint:depguard // The registry wants one, to be told to be silent.
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	imagename "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"spillway/tools/ship/image"
)

var about = image.About{
	Program: "worker", Description: "Streams subscriptions", Version: "v1.2.3", Revision: "0123abcd",
	Created: time.Date(2026, 11, 22, 7, 0, 0, 0, time.FixedZone("CET", 3600)),
}

func TestAnImageSaysWhatItIsAndRunsAsNobody(t *testing.T) {
	config, err := newImage(t, "arm64").ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"/worker"}, User: "65532:65532", WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "spillway worker",
			"org.opencontainers.image.description": "Streams subscriptions",
			"org.opencontainers.image.version":     "v1.2.3",
			"org.opencontainers.image.revision":    "0123abcd",
			"org.opencontainers.image.created":     "2026-11-22T06:00:00Z",
			"org.opencontainers.image.licenses":    "Apache-2.0",
		},
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if config.OS != "linux" || config.Architecture != "arm64" || len(config.History) != len(config.RootFS.DiffIDs) {
		t.Errorf("%s/%s with %d layers and %d entries of history", config.OS, config.Architecture, len(config.RootFS.DiffIDs), len(config.History))
	}
}

func TestAnImageHoldsItsProgramAndWhatEveryProgramNeeds(t *testing.T) {
	files := unpack(t, newImage(t, "amd64"))
	if got := files["worker"]; string(got.content) != "program for amd64" || got.mode != 0o755 {
		t.Errorf("the program is %q, %v", got.content, got.mode)
	}
	if got := string(files["etc/passwd"].content); !strings.Contains(got, "\nnonroot:x:65532:65532:") {
		t.Errorf("passwd is %s", got)
	}
	if _, err := time.LoadLocationFromTZData("Europe/Amsterdam", files["usr/share/zoneinfo/Europe/Amsterdam"].content); err != nil {
		t.Errorf("the time zone: %v", err)
	}
	for name, f := range files {
		if f.mode.IsRegular() && f.mode.Perm()&0o222 != 0o200 {
			t.Errorf("%s can be written by others: %v", name, f.mode)
		}
	}
}

// The chains of googleapis.com end at roots of Google Trust Services; older stores know them through GlobalSign.
func TestTheCertificatesAreThoseOfTheAuthorities(t *testing.T) {
	rest := unpack(t, newImage(t, "amd64"))["etc/ssl/certs/ca-certificates.crt"].content
	wanted := map[string]bool{"GTS Root R1": false, "GTS Root R4": false, "GlobalSign": false}
	certificates := 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if !certificate.IsCA {
			t.Errorf("%s is no authority", certificate.Subject)
		}
		wanted[certificate.Subject.CommonName] = true
		certificates++
	}
	if certificates < 100 || len(bytes.TrimSpace(rest)) != 0 {
		t.Errorf("%d certificates, then %q", certificates, rest)
	}
	for name, found := range wanted {
		if !found {
			t.Errorf("no %s", name)
		}
	}
}

func TestTheSameContentIsTheSameArchive(t *testing.T) {
	one, two := archive(t), archive(t)
	a, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(two)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s and %s differ", one, two)
	}
}

func TestAnArchiveIsALayoutWithOneIndexForAllProcessors(t *testing.T) {
	folder := t.TempDir()
	extract(t, archive(t), folder)
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	list, err := outer.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"org.opencontainers.image.ref.name": "v1.2.3", "io.containerd.image.name": "docker.io/spillway/worker:v1.2.3"}
	if len(list.Manifests) != 1 || cmp.Diff(want, list.Manifests[0].Annotations) != "" {
		t.Fatalf("it holds %+v", list.Manifests)
	}
	index, err := outer.ImageIndex(list.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	expectPlatforms(t, index)
}

// Docker without containerd's image store reads manifest.json, whose paths must lead somewhere.
func TestAnArchiveHasTheManifestThatAnOlderDockerReads(t *testing.T) {
	folder := t.TempDir()
	extract(t, archive(t), folder)
	manifest, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"RepoTags":["spillway/worker:v1.2.3"]`, `"RepoTags":["spillway/worker:v1.2.3-arm64"]`} {
		if !strings.Contains(string(manifest), want) {
			t.Errorf("no %s in %s", want, manifest)
		}
	}
	blobs := 0
	for part := range strings.SplitSeq(string(manifest), `"`) {
		if strings.HasPrefix(part, "blobs/") {
			blobs++
			if _, err := os.Stat(filepath.Join(folder, part)); err != nil {
				t.Error(err)
			}
		}
	}
	if blobs != 6 {
		t.Errorf("%d blobs, want a configuration and two layers for each of two processors", blobs)
	}
}

func TestWhatIsPulledIsWhatWasPushed(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	tag, err := imagename.NewTag(strings.TrimPrefix(server.URL, "http://") + "/team/worker:v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Push(t.Context(), archive(t), tag)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(tag)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := index.Digest(); err != nil || got != digest {
		t.Errorf("pulled %v, %v; pushed %v", got, err, digest)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	expectPlatforms(t, index)
}

func TestWhatCannotBePushedIsSaid(t *testing.T) {
	away, err := imagename.NewTag("127.0.0.1:1/worker:v1")
	if err != nil {
		t.Fatal(err)
	}
	junk := filepath.Join(t.TempDir(), "junk.tar")
	if err := os.WriteFile(junk, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ file, want string }{
		"no registry":   {archive(t), "pushing 127.0.0.1:1/worker:v1"},
		"no archive":    {junk, "reading " + junk},
		"no such file":  {filepath.Join(t.TempDir(), "none.tar"), "no such file"},
		"no index.json": {emptyArchive(t), "index.json"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := image.Push(ctx, tt.file, away); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// An archive may come from anywhere; none of its files may land elsewhere.
func TestAnArchiveThatLeadsOutOfItsFolderIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "evil.tar")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(out)
	if err := w.WriteHeader(&tar.Header{Name: "../evil", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	tag, err := imagename.NewTag("127.0.0.1:1/worker:v1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := image.Push(t.Context(), file, tag); err == nil || !strings.Contains(err.Error(), "path escapes") {
		t.Errorf("got %v", err)
	}
}

func expectPlatforms(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range list.Manifests {
		got = append(got, m.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, got); diff != "" {
		t.Errorf("platforms (-want +got)\n%s", diff)
	}
}

func root(t *testing.T) []image.File {
	t.Helper()
	files, err := image.Root(filepath.Join(goroot(t), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func newImage(t *testing.T, arch string) v1.Image {
	t.Helper()
	made, err := image.New(about, arch, root(t), []byte("program for "+arch))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func archive(t *testing.T) string {
	t.Helper()
	archs := []string{"amd64", "arm64"}
	index := image.Index(about, archs, map[string]v1.Image{"amd64": newImage(t, "amd64"), "arm64": newImage(t, "arm64")})
	tag, err := imagename.NewTag("spillway/worker:v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "worker.tar")
	if err := image.WriteArchive(file, tag, index); err != nil {
		t.Fatal(err)
	}
	return file
}

func emptyArchive(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "empty.tar")
	if err := os.WriteFile(file, make([]byte, 1024), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

type packed struct {
	content []byte
	mode    fs.FileMode
}

// unpack is an image's file system, by name.
func unpack(t *testing.T, from v1.Image) map[string]packed {
	t.Helper()
	stream := mutate.Extract(from)
	defer func() { _ = stream.Close() }()
	files := map[string]packed{}
	each(t, stream, func(h *tar.Header, content []byte) {
		files[strings.TrimSuffix(h.Name, "/")] = packed{content: content, mode: h.FileInfo().Mode()}
	})
	return files
}

// extract writes an archive's files into a folder, as tar would.
func extract(t *testing.T, file, folder string) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	each(t, in, func(h *tar.Header, content []byte) {
		target := filepath.Join(folder, h.Name)
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(target, 0o700)
		} else {
			err = os.WriteFile(target, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func each(t *testing.T, in io.Reader, visit func(*tar.Header, []byte)) {
	t.Helper()
	for r := tar.NewReader(in); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		visit(header, content)
	}
}
