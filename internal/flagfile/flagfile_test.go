package flagfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"spillway/internal/config"
	"spillway/internal/flagfile"
)

type values struct {
	Name   string
	Number int
	Wait   time.Duration
	Share  float64
	On     bool
	Topics []string
}

func (v *values) flags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.StringVar(&v.Name, "name", "", "name of it")
	fs.IntVar(&v.Number, "number", 7, "")
	fs.DurationVar(&v.Wait, "wait", 0, "")
	fs.Float64Var(&v.Share, "share", 0, "")
	fs.BoolVar(&v.On, "on", false, "")
	fs.StringSliceVar(&v.Topics, "topic", nil, "")
	return fs
}

// write returns the path of a file with the content, in the current directory for as long as the test runs.
func write(t testing.TB, content string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	const path = "./worker.yaml"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeysSetFlags(t *testing.T) {
	file, err := flagfile.Read(write(t, `
number: 3 # of all
flows:
  - name: "a: b"
    wait: 1m30s
    on: true
    topic: [x, "y,z"]
  - {name: c, share: 0.5, number: 4}
`), "flows")
	if err != nil {
		t.Fatal(err)
	}
	var errs config.Errors
	var got []values
	for _, s := range file.Sections {
		var v values
		fs := v.flags()
		file.Top.Set(fs, nil, &errs)
		s.Set(fs, nil, &errs)
		got = append(got, v)
	}
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	want := []values{
		{Name: "a: b", Number: 3, Wait: 90 * time.Second, On: true, Topics: []string{"x", "y,z"}},
		{Name: "c", Number: 4, Share: 0.5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := file.Sections[0]; s.Key("wait") != "./worker.yaml:5 wait" || s.Key("number") != "./worker.yaml:4 number" || s.Has("number") || !s.Has("on") {
		t.Errorf("keys %q and %q", s.Key("wait"), s.Key("number"))
	}
}

func TestEveryFaultHasItsLineAndItsCure(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"an unknown key", "numbr: 3\n", []string{"./worker.yaml:1 numbr: is not a key; did you mean number?"}},
		{"an unknown key like no other", "flows:\n- xyzzyx: 3\n", []string{"./worker.yaml:2 xyzzyx: is not a key; see the key table, or leave it out"}},
		{"a key that belongs elsewhere", "flows:\n- listen: x\n", []string{"./worker.yaml:2 listen: is not a key; move it to the top"}},
		{"one that nearly belongs elsewhere", "flows:\n- lisen: x\n", []string{"./worker.yaml:2 lisen: is not a key; did you mean listen? move it to the top"}},
		{"a word for a number", "number: many\n", []string{`./worker.yaml:1 number "many": is not a valid whole number; give one such as 10`}},
		{"a number for a duration", "wait: 5\n", []string{`./worker.yaml:1 wait "5": is not a valid duration; give one such as 500ms, 30s or 5m`}},
		{"yes", "on: yes\n", []string{`./worker.yaml:1 on "yes": is not a valid bool; give true or false`}},
		{"a list for a value", "number: [1, 2]\n", []string{"./worker.yaml:1 number: is a list; give a single value"}},
		{"an empty list for a value", "number: []\n", []string{"./worker.yaml:1 number: is a list; give a single value"}},
		{"a mapping for a value", "number: {a: 1}\n", []string{"./worker.yaml:1 number: is not a value; give a single value, or a list of values"}},
		{"a key twice", "number: 1\non: true\nnumber: 2\n", []string{"./worker.yaml:3 number: stands in line 1 already; leave one of them out"}},
		{"a key without a value", "number:\n", []string{"./worker.yaml:1 number: has no value; give one, or leave the key out"}},
		{"an alias", "name: &a x\ntopic: [*a]\n", []string{"./worker.yaml:2 topic: is an alias; write the value out"}},
		{"a merge", "a: &a {number: 1}\n<<: *a\n", []string{"./worker.yaml:2: is not a plain key", "./worker.yaml:1 a: is not a key"}},
		{"a key that is none", "[a]: 1\n", []string{"./worker.yaml:1: is not a plain key"}},
		{"flows without a value", "flows:\n", []string{"./worker.yaml:1 flows: has no value; give a list of mappings"}},
		{"flows that are no list", "flows: 7\n", []string{"./worker.yaml:1 flows: is not a list; give a list of mappings"}},
		{"no flow in the list", "flows: []\n", []string{"./worker.yaml:1 flows: is an empty list; give a list of mappings"}},
		{"a flow that is a word", "flows: [offers]\n", []string{"./worker.yaml:1: is not a mapping"}},
		{"a list", "- name: x\n", []string{"./worker.yaml:1: is not a mapping; give keys and values, key: value"}},
		{"a word", "x", []string{"./worker.yaml:1: is not a mapping"}},
		{"nothing", "# nothing\n", []string{"./worker.yaml: is empty; give it the key flows"}},
		{"two documents", "name: x\n---\nname: y\n", []string{"./worker.yaml: holds more than one document; leave out what follows ---"}},
		{"a bracket left open", "number: 1\nname: [x\nwait: 1s\n", []string{"./worker.yaml:2: is not YAML: did not find expected ',' or ']'; look for quotes and brackets that are not closed"}},
		{"tabs", "number: 1\nflows:\n\t- name: x\n", []string{"./worker.yaml:3: is indented with a tab; indent with spaces"}},
		{"a tab further down", "flows:\n- name: x\n  wait: 1s\n\tnumber: 1\n", []string{"./worker.yaml:4: is indented with a tab; indent with spaces"}},
		{"a key too far left", "number: 1\nflows:\n  - name: x\n    wait: 1s\n   number: 3\n  - name: y\n", []string{"./worker.yaml:5: is not YAML: did not find expected '-' indicator; indent all keys of a mapping, and all items of a list, by the same number of spaces"}},
		{"a key too far right", "flows:\n- name: x\n   wait: 1s\n", []string{"./worker.yaml:3: is not YAML: mapping values are not allowed in this context; indent all keys"}},
		{"an item too far left", "flows:\n  - name: x\n - name: y\n", []string{"./worker.yaml:3: is not YAML: did not find expected key; indent all keys"}},
		{"faults of form hide no others", "number: 1\nnumber: 2\nflows:\n- word\n- wait:\n  numbr: 3\n- share: y\n", []string{
			"./worker.yaml:2 number: stands in line 1 already", "./worker.yaml:4: is not a mapping",
			"./worker.yaml:5 wait: has no value", "./worker.yaml:6 numbr: is not a key", `./worker.yaml:7 share "y"`,
		}},
		{"a misspelt list of sections", "flow:\n- name: x\n", []string{"./worker.yaml:1 flow: is not a key"}},
		{"several faults at once", "numbr: 3\nwait: x\nflows:\n- share: y\n", []string{"./worker.yaml:1 numbr", "./worker.yaml:2 wait", "./worker.yaml:4 share"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := strings.Split(faults(t, write(t, tt.content)).Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("got %q, want %q", lines, tt.want)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("got %q, want %q", lines[i], want)
				}
			}
		})
	}
}

// faults reads the file and sets flags from it, and returns what is wrong.
func faults(t *testing.T, path string) error {
	t.Helper()
	file, err := flagfile.Read(path, "flows")
	if err == nil {
		errs := file.Faults
		file.Top.Set(new(values).flags(), nil, &errs)
		for _, s := range file.Sections {
			s.Set(new(values).flags(), map[string]string{"listen": "move it to the top"}, &errs)
		}
		err = errs.Err()
	}
	if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Fatalf("%v is not a config.Error", err)
	}
	return err
}

func TestAValueThatDoesNotFitLeavesTheFlagAsItWas(t *testing.T) {
	file, err := flagfile.Read(write(t, "number: many\n"), "flows")
	if err != nil {
		t.Fatal(err)
	}
	var v values
	var errs config.Errors
	if file.Top.Set(v.flags(), nil, &errs); v.Number != 7 || len(errs.All()) != 1 {
		t.Errorf("%d, %v", v.Number, errs.Err())
	}
}

func TestAKeyAtFaultIsBroken(t *testing.T) {
	file, err := flagfile.Read(write(t, "flows:\n- {Name: x, number: many, wait: , on: true, share: [1, 2]}\n- {<<: {}, name: x}\n"), "flows")
	if err != nil {
		t.Fatal(err)
	}
	var errs config.Errors
	for _, s := range file.Sections {
		s.Set(new(values).flags(), nil, &errs)
	}
	for key, want := range map[string][]bool{
		"name": {true, false}, "number": {true, true}, "wait": {true, true}, "on": {false, true}, "share": {true, true}, "topic": {false, true},
	} {
		if got := []bool{file.Sections[0].Broken(key), file.Sections[1].Broken(key)}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", key, got, want)
		}
	}
}

func TestAFileThatCannotBeRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	for path, want := range map[string]string{
		missing:     missing + ": cannot be read: no such file or directory; give the path of a YAML file",
		t.TempDir(): "is a directory",
		write(t, "name: "+strings.Repeat("x", 1<<20)): "is larger than 1 MiB",
	} {
		if err := faults(t, path); !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("number: 3\nflows:\n- name: x\n  topic: [a, b]\n")
	f.Add("a: &a [*a]\n")
	f.Add("? [a]\n: b\n")
	f.Add("<<: {a: 1}\n--- x")
	f.Fuzz(func(t *testing.T, content string) {
		file, err := flagfile.Read(write(t, content), "flows")
		if err != nil {
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("%v is not a config.Error", err)
			}
			return
		}
		var errs config.Errors
		for _, s := range append(file.Sections, file.Top) {
			s.Set(new(values).flags(), nil, &errs)
		}
	})
}
