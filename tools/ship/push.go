package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/tools/ship/image"
)

func newPush() *cobra.Command {
	var opts options
	cmd := &cobra.Command{
		Use:   "push",
		Short: "Push the archives that `ship images` wrote, with the credentials that `docker login` left",
		PreRunE: func(*cobra.Command, []string) error {
			var errs config.Errors
			opts.checkOut(&errs)
			opts.checkVersion(&errs)
			opts.checkRegistry(&errs, true)
			opts.checkPrograms(&errs)
			for _, program := range opts.programs {
				if opts.out != "" {
					_, err := os.Stat(opts.archive(program))
					errs.Check(err == nil, "--out", opts.out, "holds no "+program+".tar", "run `make images` first")
				}
			}
			return errs.Err()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, program := range opts.programs {
				tag, err := opts.tag(program)
				if err != nil {
					return err
				}
				digest, err := image.Push(cmd.Context(), opts.archive(program), tag)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s@%s\n", tag, digest)
			}
			return nil
		},
	}
	opts.registerOut(cmd.Flags(), "with the archives")
	opts.registerVersion(cmd.Flags())
	opts.registerRegistry(cmd.Flags())
	opts.registerPrograms(cmd.Flags())
	return cmd
}

func (o *options) archive(program string) string { return filepath.Join(o.out, program+".tar") }
