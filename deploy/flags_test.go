package deploy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"spillway/internal/consume"
	"spillway/internal/export"
)

// What is shipped must start: the programs' own flags take the arguments, and nothing in them is invalid once the
// placeholders are filled in.
func (r *rendered) programsStart() error {
	var errs []error
	for _, d := range r.deployments {
		for _, c := range containers(d) {
			if validate, ours := programs()[c.Name]; ours {
				if err := validate(filled(c.Args)); err != nil {
					errs = append(errs, fmt.Errorf("%s: %s: %w", d.Name, c.Name, err))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// programs say what is wrong with arguments, by the containers' names.
func programs() map[string]func([]string) error {
	return map[string]func([]string) error{
		"worker": func(args []string) error {
			o := consume.DefaultOptions()
			return parse(args, o.RegisterFlags, o.Validate)
		},
		"backlog-exporter": func(args []string) error {
			o := export.DefaultOptions()
			return parse(args, o.RegisterFlags, o.Validate)
		},
	}
}

func TestTheProgramsTakeTheShippedArguments(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	for _, overlay := range overlays() {
		seen := map[string]bool{}
		all := objects(t, tree(t), overlay)
		if err := all.programsStart(); err != nil {
			t.Errorf("%s: %v", overlay, err)
		}
		for _, d := range all.deployments {
			for _, c := range containers(d) {
				validate, ours := programs()[c.Name]
				if !ours {
					continue
				}
				seen[c.Name] = true
				if err := validate(c.Args); err == nil {
					t.Errorf("%s: %s starts although nobody has filled in its subscription", overlay, c.Name)
				}
			}
		}
		if len(seen) != len(programs()) {
			t.Errorf("%s has only %v", overlay, seen)
		}
	}
}

func parse(args []string, register func(*pflag.FlagSet), validate func() error) error {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	register(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	return validate()
}

// filled replaces the placeholders of flow.yaml, and what kubelet replaces.
func filled(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = strings.NewReplacer("PROJECT", "shop", "OFFER-SUBSCRIPTION", "offers", "CONTENT-SUBSCRIPTION", "contents",
			"IMAGE-SUBSCRIPTION", "images", "SUBSCRIPTION", "offers", "$(POD_NAMESPACE)", "spillway").Replace(a)
	}
	return out
}

// flagOf is the value of a flag in a container's arguments.
func flagOf(t *testing.T, c corev1.Container, name string) string {
	t.Helper()
	for _, arg := range c.Args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
	}
	t.Fatalf("container %s has no --%s", c.Name, name)
	return ""
}
