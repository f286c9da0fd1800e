package flagfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"spillway/internal/config"
)

// Set gives the flags of fs the section's values, and notes every key that is no flag and every value that does not fit.
// elsewhere says of keys that are none here where they belong; it may be nil.
func (s Section) Set(fs *pflag.FlagSet, elsewhere map[string]string, errs *config.Errors) {
	for _, e := range s.entries {
		flag := fs.Lookup(e.key)
		switch {
		case flag == nil:
			meant, cure := s.cure(fs, e.key, elsewhere)
			errs.Add(s.Key(e.key), "", "is not a key", cure)
			s.broken[meant] = s.broken[meant] || meant != ""
		case e.fault != nil:
			errs.Append(e.fault)
			s.broken[e.key] = true
		default:
			s.set(flag, e, errs)
		}
	}
}

func (s Section) set(flag *pflag.Flag, e entry, errs *config.Errors) {
	slice, many := flag.Value.(pflag.SliceValue)
	switch {
	case many:
		if err := slice.Replace(e.values); err != nil {
			s.unfit(flag, e, errs)
		}
	case len(e.values) != 1:
		errs.Add(s.Key(e.key), "", "is a list", "give a single value")
		s.broken[e.key] = true
	default:
		before := flag.Value.String()
		if flag.Value.Set(e.values[0]) != nil {
			_ = flag.Value.Set(before) // pflag has set the zero value, which would be a second fault.
			s.unfit(flag, e, errs)
		}
	}
}

func (s Section) unfit(flag *pflag.Flag, e entry, errs *config.Errors) {
	kind, cure := Kind(flag)
	errs.Add(s.Key(e.key), strings.Join(e.values, ", "), "is not a valid "+kind, cure)
	s.broken[e.key] = true
}

// cure says what to do about a key that is none here, and which one was probably meant; empty for none.
func (s Section) cure(fs *pflag.FlagSet, key string, elsewhere map[string]string) (meant, cure string) {
	if where, ok := elsewhere[key]; ok {
		return key, where
	}
	candidates := slices.Sorted(maps.Keys(elsewhere))
	fs.VisitAll(func(f *pflag.Flag) { candidates = append(candidates, f.Name) })
	near, ok := config.Nearest(key, candidates)
	switch {
	case !ok:
		return "", "see the key table, or leave it out"
	case elsewhere[near] != "":
		return near, "did you mean " + near + "? " + elsewhere[near]
	}
	return near, "did you mean " + near + "?"
}

// Key names a key for an error: file, line and key; the line of the section for a key that is not in it.
func (s Section) Key(key string) string {
	line := s.line
	for _, e := range s.entries {
		if e.key == key {
			line = e.line
		}
	}
	return fmt.Sprintf("%s:%d %s", s.file, line, key)
}

// Has reports whether the section has the key.
func (s Section) Has(key string) bool {
	return slices.ContainsFunc(s.entries, func(e entry) bool { return e.key == key })
}

// Broken reports whether a fault that has been noted keeps the key's value from being known: what follows from its absence is no
// fault of its own.
func (s Section) Broken(key string) bool { return s.broken[key] || s.broken[""] && !s.Has(key) }

// Kind names what a flag takes, and what to give instead of a value that it does not.
func Kind(f *pflag.Flag) (kind, cure string) {
	switch kind = f.Value.Type(); kind {
	case "int", "int64":
		return "whole number", "give one such as 10"
	case "uint64":
		return "whole number", "give one from 0 up, such as 10"
	case "float64":
		return "number", "give one such as 10 or 0.5"
	case "duration":
		return kind, "give one such as 500ms, 30s or 5m"
	case "bool":
		return kind, "give true or false"
	}
	return "value", "give the " + strings.ReplaceAll(f.Usage, "`", "")
}
