package consume

import (
	"regexp"
	"slices"
	"strings"

	"spillway/internal/config"
)

// report is what is wrong with the options, in the words of whoever wrote them.
type report struct {
	source *source
	errs   config.Errors
	told   map[config.Error]bool
}

// newReport begins with what was wrong with the file's form, keys and values.
func (s *source) newReport() *report {
	r := &report{source: s, told: map[config.Error]bool{}}
	if s != nil {
		r.errs.Append(s.errs.All()...)
	}
	return r
}

// add adds the faults of a flow, or of the top, under the keys of the file. A fault of a flag or default that holds for several
// flows is told once, and what follows from a key that is at fault itself is not.
func (r *report) add(errs *config.Errors, flow int) {
	for _, e := range errs.All() {
		if r.source == nil {
			r.errs.Append(e)
			continue
		}
		if slices.ContainsFunc(e.Flags(), func(name string) bool { return r.source.broken(flow, name) }) {
			continue
		}
		fault := *e
		same := r.source.rename(&fault, flow)
		if !r.told[same] {
			r.told[same] = true
			r.errs.Append(&fault)
		}
	}
}

// rename puts a fault into the words of the file. It returns what is the same for every flow that has the fault from the same place.
func (s *source) rename(e *config.Error, flow int) (same config.Error) {
	name := strings.TrimPrefix(e.Key, "--")
	e.Key = s.key(flow, name)
	if s.given.Changed(name) {
		same = *e
		same.Cure = ""
		e.Problem = s.standing(e.Problem, flow)
		return same
	}
	e.Problem, e.Cure = s.inFile(e.Problem), s.inFile(e.Cure)
	return *e
}

// flagInText is a flag as it stands in an error.
var flagInText = regexp.MustCompile(`--[a-z-]+=?`)

// inFile writes the flags of a text as keys, but for those that the command line has given.
func (s *source) inFile(text string) string {
	return flagInText.ReplaceAllStringFunc(text, func(flag string) string {
		name, equals := strings.CutSuffix(strings.TrimPrefix(flag, "--"), "=")
		switch {
		case s.given.Changed(name):
			return flag
		case equals:
			return name + ": "
		}
		return name
	})
}

// standing writes the flags of a text that stand in the file with their place.
func (s *source) standing(text string, flow int) string {
	return flagInText.ReplaceAllStringFunc(text, func(flag string) string {
		name := strings.TrimPrefix(flag, "--")
		if flow == top || !s.file.Sections[flow].Has(name) && !s.file.Top.Has(name) {
			return flag
		}
		return s.key(flow, name)
	})
}
