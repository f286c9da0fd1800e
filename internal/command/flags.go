package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"spillway/internal/config"
	"spillway/internal/flagfile"
)

// flagErrors returns everything that is wrong with the flags, of which pflag has found the first, and what else the command finds.
func flagErrors(cmd *cobra.Command, args []string, first error) error {
	_, args, err := cmd.Root().Find(args)
	if err != nil {
		fault, _ := flagError(cmd, first)
		return fault
	}
	r := reparse{cmd: cmd, fs: pflag.NewFlagSet("", pflag.ContinueOnError), unknown: map[string]error{}}
	r.fs.AddFlagSet(cmd.Flags())
	r.run(r.declareUnknown(args), first)
	if len(r.unknown) == 0 && cmd.ValidateArgs(r.fs.Args()) != nil { // Without unknown flags it is known what is an argument.
		r.errs = append(r.errs, cmd.ValidateArgs(r.fs.Args()))
	}
	if cmd.PreRunE != nil {
		r.appendOthers(cmd.PreRunE(cmd, r.fs.Args()))
	}
	return errors.Join(r.errs...)
}

// reparse goes on where pflag has stopped.
type reparse struct {
	cmd     *cobra.Command
	fs      *pflag.FlagSet   // the command's flags, and those that are not known
	unknown map[string]error // by the name that they have in fs
	meant   []string         // flags that are at fault
	errs    []error
}

// note adds what was wrong with a flag.
func (r *reparse) note(err error) {
	fault, meant := flagError(r.cmd, err)
	r.errs, r.meant = append(r.errs, fault), append(r.meant, meant)
}

// declareUnknown makes the flags that are not known known to fs, so that it parses what follows them. It sets nothing, and
// returns the arguments with long names for the short ones.
func (r *reparse) declareUnknown(args []string) []string {
	for range args { // No more can be unknown.
		err := r.fs.ParseAll(args, func(*pflag.Flag, string) error { return nil })
		unknown, ok := errors.AsType[*pflag.NotExistError](err)
		if !ok {
			return args
		}
		name := unknown.GetSpecifiedName()
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			long := "short " + short // No flag has a space.
			for i, arg := range args {
				if arg == "-"+short {
					args = slices.Clone(args)
					args[i] = "--" + long
				}
			}
			name, _, _ = strings.Cut(long, "=")
		}
		if r.fs.Lookup(name) != nil {
			return args
		}
		r.fs.String(name, "", "")
		r.fs.Lookup(name).NoOptDefVal = "none" // It takes no argument after it.
		r.unknown[name] = err
	}
	return args
}

// run notes every fault in the order of args, and sets what follows the first: what stands before it is set already.
func (r *reparse) run(args []string, first error) {
	invalid, _ := errors.AsType[*pflag.InvalidValueError](first)
	reached := false
	err := r.fs.ParseAll(args, func(f *pflag.Flag, value string) error {
		if fault, ok := r.unknown[f.Name]; ok {
			reached = true
			r.note(fault)
			return nil
		}
		reached = reached || invalid != nil && f == invalid.GetFlag() && value == invalid.GetValue()
		if !reached {
			return nil
		}
		if err := r.cmd.Flags().Set(f.Name, value); err != nil {
			_ = f.Value.Set(f.DefValue) // pflag has set the zero value, which would be a second fault.
			r.note(err)
		}
		return nil
	})
	if err != nil {
		r.note(err)
	}
}

// appendOthers adds faults that do not follow from those of the flags.
func (r *reparse) appendOthers(err error) {
	for _, fault := range config.List(err) {
		if !slices.ContainsFunc(fault.Flags(), func(name string) bool { return slices.Contains(r.meant, name) }) {
			r.errs = append(r.errs, fault)
		}
	}
}

// flagError says which flag was wrong, what it was given and, for an unknown one, which was probably meant.
func flagError(cmd *cobra.Command, err error) (fault *config.Error, meant string) {
	help := fmt.Sprintf("see %s --help", cmd.CommandPath())
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := invalid.GetFlag()
		kind, cure := flagfile.Kind(f)
		return &config.Error{Key: "--" + f.Name, Value: invalid.GetValue(), Problem: "is not a valid " + kind, Cure: cure}, f.Name
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name := missing.GetSpecifiedName()
		return &config.Error{Key: "--" + name, Problem: "needs a value", Cure: help}, name
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return &config.Error{Key: cmd.CommandPath(), Problem: err.Error(), Cure: help}, ""
	}
	if unknown.GetSpecifiedShortnames() != "" {
		return &config.Error{Key: "-" + unknown.GetSpecifiedName(), Problem: "there is no such flag", Cure: help}, ""
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	cure := help
	near, ok := config.Nearest(unknown.GetSpecifiedName(), names)
	if ok {
		cure = "did you mean --" + near + "?"
	}
	return &config.Error{Key: "--" + unknown.GetSpecifiedName(), Problem: "there is no such flag", Cure: cure}, near
}
