package deploy_test

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"spillway/internal/consume"
	"spillway/internal/export"
)

// What is shipped must start: the programs' own flags take the arguments, and nothing in them is invalid once the
// placeholders are filled in.
func TestTheProgramsTakeTheShippedArguments(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	check := map[string]func([]string) error{
		"worker": func(args []string) error {
			o := consume.DefaultOptions()
			return parse(args, o.RegisterFlags, o.Validate)
		},
		"backlog-exporter": func(args []string) error {
			o := export.DefaultOptions()
			return parse(args, o.RegisterFlags, o.Validate)
		},
	}
	for _, overlay := range overlays() {
		seen := map[string]bool{}
		for _, d := range objects(t, tree(t), overlay).deployments {
			for _, c := range containers(d) {
				validate, ours := check[c.Name]
				if !ours {
					continue
				}
				seen[c.Name] = true
				if err := validate(c.Args); err == nil {
					t.Errorf("%s: %s starts although nobody has filled in its subscription", overlay, c.Name)
				}
				if err := validate(filled(c.Args)); err != nil {
					t.Errorf("%s: %s: %v", overlay, c.Name, err)
				}
			}
		}
		if len(seen) != len(check) {
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

// filled replaces the placeholders of flow.yaml.
func filled(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = strings.NewReplacer("PROJECT", "shop", "SUBSCRIPTION", "offers").Replace(a)
	}
	return out
}
