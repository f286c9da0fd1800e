package command_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"spillway/internal/command"
	"spillway/internal/config"
)

func program(run func(context.Context) error) *cobra.Command {
	root := &cobra.Command{Use: "worker", RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context()) }}
	root.Flags().Int("concurrency", 10, "number of messages to handle at once")
	root.Flags().Duration("wait", 0, "after SIGTERM: how long to wait")
	root.Flags().StringToString("attribute", nil, "attribute of each message as `name=value`")
	root.AddCommand(&cobra.Command{Use: "redrive", RunE: func(*cobra.Command, []string) error { return nil }})
	return root
}

func TestMainPrintsOneLinePerErrorAndTheExitCodeTellsTheKind(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		err    error
		code   int
		stderr string
	}{
		{name: "no error"},
		{name: "a subcommand", args: []string{"redrive"}},
		{
			name: "an unknown flag names the nearest", args: []string{"--concurency=3"}, code: command.ExitUsage,
			stderr: "worker: --concurency: there is no such flag; did you mean --concurrency?\n",
		},
		{
			name: "an unknown flag that resembles none", args: []string{"--zzzzzzz"}, code: command.ExitUsage,
			stderr: "worker: --zzzzzzz: there is no such flag; see worker --help\n",
		},
		{
			name: "a value of the wrong type", args: []string{"--concurrency=many"}, code: command.ExitUsage,
			stderr: "worker: --concurrency \"many\": is not a valid whole number; give one such as 10\n",
		},
		{
			name: "a duration without a unit", args: []string{"--wait=5"}, code: command.ExitUsage,
			stderr: "worker: --wait \"5\": is not a valid duration; give one such as 500ms, 30s or 5m\n",
		},
		{
			name: "an attribute without a value", args: []string{"--attribute=a"}, code: command.ExitUsage,
			stderr: "worker: --attribute \"a\": is not a valid value; give the attribute of each message as name=value\n",
		},
		{
			name: "an unknown short flag", args: []string{"-x"}, code: command.ExitUsage,
			stderr: "worker: -x: there is no such flag; see worker --help\n",
		},
		{
			name: "a flag without its value", args: []string{"--concurrency"}, code: command.ExitUsage,
			stderr: "worker: --concurrency: needs a value; see worker --help\n",
		},
		{
			name: "a stray argument", args: []string{"redrve"}, code: command.ExitUsage,
			stderr: "worker: worker \"redrve\": is not a command or argument that it takes; did you mean redrive?\n",
		},
		{
			name: "two configuration faults", code: command.ExitUsage,
			err:    errors.Join(&config.Error{Key: "--a", Problem: "is required"}, &config.Error{Key: "--b", Problem: "is required"}),
			stderr: "worker: --a: is required\nworker: --b: is required\n",
		},
		{name: "an interruption is silent", err: command.ErrInterrupted, code: command.ExitInterrupted},
		{name: "any other failure", err: errors.New("the port is in use"), code: command.ExitFailure, stderr: "worker: the port is in use\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			args := append([]string{}, tt.args...)
			code := command.Main(t.Context(), program(func(context.Context) error { return tt.err }), args, &stderr)
			if code != tt.code || stderr.String() != tt.stderr {
				t.Fatalf("exit %d, %q; want %d, %q", code, stderr.String(), tt.code, tt.stderr)
			}
		})
	}
}

func TestEveryProgramHasAVersion(t *testing.T) {
	root, out := program(func(context.Context) error { return errors.New("the program ran") }), new(bytes.Buffer)
	root.SetOut(out)
	if code := command.Main(t.Context(), root, []string{"--version"}, out); code != command.ExitOK {
		t.Errorf("exit %d", code)
	}
	if got := out.String(); got != command.Version("worker")+"\n" || !strings.HasPrefix(got, "worker ") {
		t.Errorf("got %q", got)
	}
}

func TestSIGTERMEndsTheCommandsContext(t *testing.T) {
	var stderr bytes.Buffer
	code := command.Main(t.Context(), program(func(ctx context.Context) error {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}), []string{}, &stderr)
	if code != command.ExitOK {
		t.Fatalf("exit %d, %s", code, stderr.String())
	}
}
