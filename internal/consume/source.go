package consume

import (
	"errors"
	"os"
	"slices"

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
	errs  config.Errors  // the file's form, and keys and values that are no flags' own
}

// Load reads the file that --config names, if any. Flags that were given come before it, and so does the environment; given is the
// flag set that the options were registered with and that has been parsed. A file that is none is a config.Error; what is wrong
// with its keys and values Validate says, together with everything else.
func (o *Options) Load(given *pflag.FlagSet) error {
	if o.Config == "" {
		if given.Changed("config") {
			return o.withoutFile(&config.Error{Key: "--config", Problem: "is empty", Cure: "give the path of a YAML file, or leave it out"})
		}
		return nil
	}
	file, err := flagfile.Read(o.Config, "flows")
	if fault, ok := errors.AsType[*config.Error](err); ok && fault.Key == o.Config { // It is the file as a whole, not a line of it.
		fault.Key, fault.Value = "--config", o.Config
	}
	if err != nil {
		return o.withoutFile(err)
	}
	loaded := DefaultOptions()
	loaded.Config, loaded.source = o.Config, &source{file: file, given: given}
	errs := &loaded.source.errs
	errs.Append(file.Faults.All()...)
	loaded.loadTop(errs)
	for _, section := range file.Sections {
		loaded.Flows = append(loaded.Flows, loaded.loadFlow(section, errs))
	}
	loaded.disinherit()
	if len(file.Sections) == 0 && !file.Top.Broken("flows") {
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

// withoutFile adds to the fault of a file what can be told of the flags without it.
func (o *Options) withoutFile(err error) error {
	var errs config.Errors
	errs.Append(config.List(err)...)
	o.validateProcess(&errs)
	return errs.Err()
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

// key names a flow's key for an error, as the user writes it.
func (s *source) key(flow int, name string) string {
	switch {
	case s == nil || s.given.Changed(name):
		return "--" + name
	case flow == top:
		return s.file.Top.Key(name)
	}
	section := s.file.Sections[flow]
	if section.Has(name) || !s.file.Top.Has(name) || slices.Contains(flowsOwn(), name) {
		return section.Key(name)
	}
	return s.file.Top.Key(name)
}

// broken reports whether a fault that has been told keeps a key of the flow, or of the top, from being known.
func (s *source) broken(flow int, name string) bool {
	sections := s.file.Sections
	switch {
	case s.given.Changed(name):
		return false
	case flow == top:
		below := slices.ContainsFunc(sections, func(own flagfile.Section) bool { return own.Broken(name) })
		return s.file.Top.Broken(name) || below && !s.file.Top.Has(name)
	case sections[flow].Broken(name):
		return true
	case sections[flow].Has(name):
		return false
	case slices.Contains(flowsOwn(), name): // At the top by mistake, it is that of one flow.
		lacks := func(own flagfile.Section) bool { return !own.Has(name) && !own.Broken(name) }
		return s.file.Top.Broken(name) && slices.IndexFunc(sections, lacks) == flow
	}
	return s.file.Top.Broken(name)
}
