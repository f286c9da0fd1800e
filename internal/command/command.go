// Package command runs a program: arguments, signals, one line per error, exit code.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
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

// Main runs root with args and returns the exit code. SIGINT and SIGTERM end the context of the command; a second
// one ends the process at once. Errors go to stderr, one line each, never with a stack trace. A command's PreRunE is held to be a
// check of its options: where flags are wrong it is called nevertheless, so that everything that is wrong is told at once.
func Main(ctx context.Context, root *cobra.Command, args []string, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	prepare(root, args)
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
