package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"spillway/internal/command"
	"spillway/internal/config"
)

// program has a check like that of the worker: it is to be told where it is wrong, and not told of what follows from that.
func program(run func(context.Context) error) *cobra.Command {
	root := &cobra.Command{Use: "worker", RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context()) }}
	root.Flags().Int("concurrency", 10, "number of messages to handle at once")
	root.Flags().Duration("wait", 0, "after SIGTERM: how long to wait")
	root.Flags().StringToString("attribute", nil, "attribute of each message as `name=value`")
	root.Flags().StringArray("name", nil, "names")
	root.PreRunE = func(cmd *cobra.Command, _ []string) error {
		var errs config.Errors
		if n, _ := cmd.Flags().GetInt("concurrency"); n < 1 {
			errs.Add("--concurrency", "0", "is out of range", "")
		}
		if names, _ := cmd.Flags().GetStringArray("name"); len(names) > 1 {
			errs.Add("--name", strings.Join(names, ", "), "is given more than once", "")
		}
		return errs.Err()
	}
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
			name: "all that is wrong at once", args: []string{"--concurrency=abc", "--name=a", "--wait=x", "--zzzzzzz", "y", "--name=b", "-x", "--wait=5s", "--wait=6", "--attribute"},
			code: command.ExitUsage,
			stderr: "worker: --concurrency \"abc\": is not a valid whole number; give one such as 10\n" +
				"worker: --wait \"x\": is not a valid duration; give one such as 500ms, 30s or 5m\n" +
				"worker: --zzzzzzz: there is no such flag; see worker --help\n" +
				"worker: -x: there is no such flag; see worker --help\n" +
				"worker: --wait \"6\": is not a valid duration; give one such as 500ms, 30s or 5m\n" +
				"worker: --attribute: needs a value; see worker --help\n" +
				"worker: --name \"a, b\": is given more than once\n",
		},
		{
			name: "what was given before a wrong flag is given once", args: []string{"--name=a", "--wait=x"}, code: command.ExitUsage,
			stderr: "worker: --wait \"x\": is not a valid duration; give one such as 500ms, 30s or 5m\n",
		},
		{
			name: "what follows from a wrong flag is not told", args: []string{"--concurrency=0", "--concurency=5"}, code: command.ExitUsage,
			stderr: "worker: --concurency: there is no such flag; did you mean --concurrency?\n",
		},
		{
			name: "a wrong flag, a stray argument and what the program finds", args: []string{"--wait=x", "redrve", "--concurrency=0"}, code: command.ExitUsage,
			stderr: "worker: --wait \"x\": is not a valid duration; give one such as 500ms, 30s or 5m\n" +
				"worker: worker \"redrve\": is not a command or argument that it takes; did you mean redrive?\n" +
				"worker: --concurrency \"0\": is out of range\n",
		},
		{
			name: "a long flag with one dash", args: []string{"-concurrency=3"}, code: command.ExitUsage,
			stderr: "worker: -c: there is no such flag; see worker --help\n",
		},
		{
			name: "a wrong flag of a subcommand", args: []string{"redrive", "--a=1", "--b"}, code: command.ExitUsage,
			stderr: "worker: --a: there is no such flag; see worker redrive --help\nworker: --b: there is no such flag; see worker redrive --help\n",
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
	lost := errors.New("3 messages are lost")
	tests := []struct {
		name   string
		end    func(context.Context) error // what the command makes of it
		code   int
		stderr string
	}{
		{name: "a server stops well", end: func(context.Context) error { return nil }},
		{name: "work that was not done", end: func(ctx context.Context) error { return fmt.Errorf("asking: %w", context.Cause(ctx)) }, code: command.ExitInterrupted},
		{name: "by the context's error", end: func(ctx context.Context) error { return errors.Join(ctx.Err(), context.Cause(ctx)) }, code: command.ExitInterrupted},
		{
			name: "a failure beside it is told", end: func(ctx context.Context) error { return errors.Join(lost, ctx.Err()) }, code: command.ExitFailure,
			stderr: "worker: 3 messages are lost\nworker: context canceled\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			code := command.Main(t.Context(), program(func(ctx context.Context) error {
				if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
					return err
				}
				<-ctx.Done()
				return tt.end(ctx)
			}), []string{}, &stderr)
			if code != tt.code || stderr.String() != tt.stderr {
				t.Fatalf("exit %d, %q; want %d, %q", code, stderr.String(), tt.code, tt.stderr)
			}
		})
	}
}
