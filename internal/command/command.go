// Package command runs a program: arguments, signals, one line per error, exit code.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"spillway/internal/config"
)

// The exit codes of every program.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
	// ExitInterrupted is what shells give for SIGINT: the program ended well, but not with what it was to do.
	ExitInterrupted = 130
)

// ErrInterrupted is returned by a command that a signal kept from its purpose. It is not printed.
var ErrInterrupted = errors.New("interrupted")

// Main runs root with args and returns the exit code. SIGINT and SIGTERM end the context of a command's RunE; a second
// one ends the process at once, and so does the first one before RunE. Errors go to stderr, one line each, never with a stack trace.
// A command's PreRunE is held to be a check of its options: where flags are wrong it is called nevertheless, so that everything
// that is wrong is told at once. Its PersistentPreRunE, which is called before that where they are right, may ask a person.
func Main(ctx context.Context, root *cobra.Command, args []string, stderr io.Writer) int {
	prepare(root, args)
	heedSignals(ctx, root)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrInterrupted):
		return ExitInterrupted
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(stderr, "%s: %s\n", root.Name(), line)
	}
	return exitCode(err)
}

// prepare makes cobra silent about errors, which Main prints, and turns its own into config errors.
func prepare(root *cobra.Command, args []string) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = Version(root.Name())
	root.SetVersionTemplate("{{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagErrors(cmd, args, err) })
	setArgs(root)
}

// heedSignals makes signals end the context of cmd and of the commands below while they run. Before, they end the process: there is
// nothing yet to be ended in order, and a file or an answer that is waited for may never come.
func heedSignals(parent context.Context, cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop)
			cmd.SetContext(ctx)
			err := run(cmd, args)
			if ctx.Err() != nil && interruption(err, context.Cause(ctx)) {
				return ErrInterrupted
			}
			return err
		}
	}
	for _, sub := range cmd.Commands() {
		heedSignals(parent, sub)
	}
}

// interruption reports whether err says nothing but that the context was done, for which cause stands too.
func interruption(err, cause error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(one error) bool { return !interruption(one, cause) })
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, cause)
}

func setArgs(cmd *cobra.Command) {
	if cmd.Args == nil {
		cmd.Args = noArguments
	}
	for _, sub := range cmd.Commands() {
		setArgs(sub)
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cure := fmt.Sprintf("see %s --help", cmd.CommandPath())
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	if near, ok := config.Nearest(args[0], names); ok {
		cure = "did you mean " + near + "?"
	}
	return &config.Error{Key: cmd.CommandPath(), Value: args[0], Problem: "is not a command or argument that it takes", Cure: cure}
}

func exitCode(err error) int {
	if _, ok := errors.AsType[*config.Error](err); ok {
		return ExitUsage
	}
	return ExitFailure
}
