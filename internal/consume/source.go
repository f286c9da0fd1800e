package consume

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"spillway/internal/config"
	"spillway/internal/flagfile"
)

// top stands for the top of the file where others stand for the index of a flow.
const top = -1

// source knows which key of the file a value is from. A nil source is that of a worker without a file.
type source struct {
	file  *flagfile.File
	given *pflag.FlagSet // the command line
	errs  config.Errors  // keys and values that are no flags' own
}

// Load reads the file that --config names, if any. Flags that were given come before it, and so does the environment; given is the
// flag set that the options were registered with and that has been parsed. A file that is none is a config.Error; what is wrong
// with its keys and values Validate says, together with everything else.
func (o *Options) Load(given *pflag.FlagSet) error {
	if o.Config == "" {
		return nil
	}
	file, err := flagfile.Read(o.Config, "flows")
	if err != nil {
		return err
	}
	loaded := DefaultOptions()
	loaded.Config, loaded.source = o.Config, &source{file: file, given: given}
	errs := &loaded.source.errs
	loaded.loadTop(errs)
	for _, section := range file.Sections {
		loaded.Flows = append(loaded.Flows, loaded.loadFlow(section, errs))
	}
	if len(file.Sections) == 0 {
		errs.Add(file.Top.Key("flows"), "", "is required", "give the list of flows")
	}
	for _, name := range flowsOwn() {
		if given.Changed(name) {
			errs.Add("--"+name, "", "excludes --config", "write it into the file, or leave --config out")
		}
	}
	*o = loaded
	return nil
}

// flowsOwn are the keys that no two flows share.
func flowsOwn() []string { return []string{"subscription", "name"} }

// loadTop takes what holds for the whole worker, and the defaults of all flows.
func (o *Options) loadTop(errs *config.Errors) {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.registerProcess(fs)
	o.registerFlags(fs)
	environment := os.Getenv(projectVariable)
	o.source.file.Top.Set(fs, map[string]string{
		"subscription": "it belongs to a flow", "name": "it belongs to a flow", "flows": "give the list of flows",
		"config": "a file names no other",
	}, errs)
	if environment != "" {
		o.Project = environment
	}
	o.source.override(fs)
}

// loadFlow takes one flow, beginning with the defaults of all.
func (o *Options) loadFlow(section flagfile.Section, errs *config.Errors) FlowOptions {
	flow := o.FlowOptions
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	flow.registerName(fs)
	flow.registerFlags(fs)
	process := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(Options).registerProcess(process)
	elsewhere := map[string]string{"config": "a file names no other"}
	process.VisitAll(func(f *pflag.Flag) {
		elsewhere[f.Name] = "it holds for the whole worker, move it to the top of the file"
	})
	section.Set(fs, elsewhere, errs)
	o.source.override(fs)
	return flow
}

// override gives fs what the command line gave.
func (s *source) override(fs *pflag.FlagSet) {
	s.given.Visit(func(f *pflag.Flag) {
		own := fs.Lookup(f.Name)
		if own == nil || slices.Contains(flowsOwn(), f.Name) {
			return
		}
		if many, ok := f.Value.(pflag.SliceValue); ok {
			_ = own.Value.(pflag.SliceValue).Replace(many.GetSlice()) // It has been parsed once.
			return
		}
		_ = own.Value.Set(f.Value.String()) // It has been parsed once.
	})
}

// faults adds what was wrong with the file's keys and values.
func (s *source) faults(all *config.Errors) {
	if s == nil {
		return
	}
	for _, e := range s.errs.All() {
		all.Add(e.Key, e.Value, e.Problem, e.Cure)
	}
}

// key names a flow's key for an error, as the user writes it.
func (s *source) key(flow int, name string) string {
	if s == nil || s.given.Changed(name) {
		return "--" + name
	}
	if flow != top && (s.file.Sections[flow].Has(name) || !s.file.Top.Has(name)) {
		return s.file.Sections[flow].Key(name)
	}
	return s.file.Top.Key(name)
}

// flagInText is a flag as it stands in the cure of an error.
var flagInText = regexp.MustCompile(`--([a-z-]+)(=?)`)

// rename adds the faults of a flow, or of the top, to all, under the keys of the file.
func (s *source) rename(errs *config.Errors, flow int, all *config.Errors) {
	for _, e := range errs.All() {
		key, cure, problem := e.Key, e.Cure, e.Problem
		if name := strings.TrimPrefix(key, "--"); s != nil && !s.given.Changed(name) {
			key = s.key(flow, strings.ReplaceAll(name, "--", ""))
			cure, problem = inFile(cure), inFile(problem)
		}
		all.Add(key, e.Value, problem, cure)
	}
}

// inFile writes the flags of a text as keys.
func inFile(text string) string {
	return flagInText.ReplaceAllStringFunc(text, func(flag string) string {
		return strings.Replace(strings.TrimPrefix(flag, "--"), "=", ": ", 1)
	})
}
