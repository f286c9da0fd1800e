package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	imagename "github.com/google/go-containerregistry/pkg/name"
	"github.com/spf13/pflag"

	"spillway/internal/config"
)

// programs are what is shipped, with what their images say of them.
func programs() map[string]string {
	return map[string]string{
		"worker":           "Streams Pub/Sub subscriptions to an HTTP endpoint and settles messages by its answers",
		"backlog-exporter": "Serves Cloud Monitoring's late backlog samples as series and external metrics, with age and state",
		"spillway":         "Emulates Pub/Sub, makes load, and finds out why an autoscaler does not scale",
	}
}

func programNames() []string { return []string{"worker", "backlog-exporter", "spillway"} }

func architectures() []string { return []string{"amd64", "arm64"} }

// tagPattern is the registries' rule for tags, https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull.
var tagPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// releasePattern is semantic versioning's form, with the v of Go's modules.
var releasePattern = regexp.MustCompile(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// options are what the commands share; each registers the flags that it has a use for.
type options struct {
	root     string
	out      string
	version  string
	registry string
	programs []string
	arch     []string
}

func (o *options) registerRoot(fs *pflag.FlagSet) {
	fs.StringVar(&o.root, "root", "../..", "folder of the module spillway")
}

func (o *options) registerOut(fs *pflag.FlagSet, what string) {
	fs.StringVar(&o.out, "out", "", "`folder` "+what)
}

func (o *options) registerVersion(fs *pflag.FlagSet) {
	fs.StringVar(&o.version, "version", "", "version that the programs and images have, such as v1.2.3")
}

func (o *options) registerRegistry(fs *pflag.FlagSet) {
	fs.StringVar(&o.registry, "registry", "", "registry and path before the images' names, such as europe-docker.pkg.dev/shop/spillway")
}

func (o *options) checkRoot(errs *config.Errors) {
	_, err := os.Stat(filepath.Join(o.root, "cmd", "worker"))
	errs.Check(err == nil, "--root", o.root, "is not the folder of the module spillway", "give the folder that has cmd/worker")
}

func (o *options) checkVersion(errs *config.Errors) {
	if o.version == "" {
		errs.Add("--version", "", "is required", "give one such as v1.2.3: make ... VERSION=v1.2.3")
		return
	}
	errs.Check(tagPattern.MatchString(o.version), "--version", o.version, "cannot be the tag of an image", "give letters, digits, . _ and -, such as v1.2.3")
}

func (o *options) checkOut(errs *config.Errors) {
	errs.Check(o.out != "", "--out", "", "is required", "give a folder")
}

// checkRegistry wants a name that images can have in a registry.
func (o *options) checkRegistry(errs *config.Errors, required bool) {
	if o.registry == "" {
		errs.Check(!required, "--registry", "", "is required", "give where to push: make push REGISTRY=europe-docker.pkg.dev/shop/spillway")
		return
	}
	_, err := imagename.NewRepository(strings.TrimSuffix(o.registry, "/") + "/worker")
	errs.Check(err == nil && !strings.Contains(o.registry, "://"), "--registry", o.registry, "is not a registry with a path", "give one such as europe-docker.pkg.dev/shop/spillway, without a scheme")
}

func (o *options) registerPrograms(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.programs, "program", programNames(), "programs to take")
}

func (o *options) checkPrograms(errs *config.Errors) {
	for _, program := range o.programs {
		errs.Check(slices.Contains(programNames(), program), "--program", program, "is none of Spillway's", "give "+strings.Join(programNames(), ", "))
	}
	errs.Check(len(o.programs) > 0, "--program", "", "is empty", "give "+strings.Join(programNames(), ", "))
}

func (o *options) checkArch(errs *config.Errors) {
	for _, arch := range o.arch {
		errs.Check(slices.Contains(architectures(), arch), "--arch", arch, "is not a processor that is built for", "give "+strings.Join(architectures(), " or "))
	}
	errs.Check(len(o.arch) > 0, "--arch", "", "is empty", "give "+strings.Join(architectures(), ","))
}

// tag is the whole name of a program's image.
func (o *options) tag(program string) (imagename.Tag, error) {
	registry := strings.TrimSuffix(o.registry, "/")
	if registry == "" {
		registry = "spillway"
	}
	return imagename.NewTag(registry + "/" + program + ":" + o.version)
}
