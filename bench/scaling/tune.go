package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"spillway/bench/run"
	"spillway/deploy"
)

// measureTune takes the time of one `spillway tune` with everything that it does: the present autoscaler, the search, the report.
func (b *bench) measureTune(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "spillway-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, deploy.Manifests()); err != nil {
		return err
	}
	begin := time.Now()
	p, err := run.Start(ctx, run.Command{
		Path: b.programs + "/spillway", Stdout: b.out, Stderr: os.Stderr,
		Args: []string{
			"tune", "--synthetic=blackfriday_burst", "--capacity=200", "--start-up=30s",
			"--hpa=" + filepath.Join(dir, "components", "hpa-backlog", "hpa.yaml"), "--report=" + filepath.Join(dir, "report.html"),
		},
	})
	if err != nil {
		return err
	}
	if err := p.Wait(ctx); err != nil {
		return err
	}
	b.add("tune_seconds", time.Since(begin).Seconds(), "s")
	return nil
}
