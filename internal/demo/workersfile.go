package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// workersFile tells the exporter where the workers are, in the form of Prometheus' file_sd, as a cluster's pods would be
// told. It is written by one goroutine at a time.
type workersFile struct {
	path   string
	flow   flow
	remove func() error
}

// newWorkersFile makes a file that names nobody yet, in a folder of its own.
func newWorkersFile(f flow) (*workersFile, error) {
	dir, err := os.MkdirTemp("", "spillway-demo-")
	if err != nil {
		return nil, fmt.Errorf("making the workers' file: %w", err)
	}
	w := &workersFile{path: filepath.Join(dir, "workers.json"), flow: f, remove: func() error { return os.RemoveAll(dir) }}
	return w, w.write(nil)
}

// write names the workers that serve, those that drain included. Who reads sees either what was there or all of this.
func (w *workersFile) write(members []Member) error {
	targets := []string{}
	for _, m := range members {
		if m.Address != "" {
			targets = append(targets, m.Address)
		}
	}
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	text, err := json.Marshal([]group{{Targets: targets, Labels: map[string]string{"subscription": w.flow.subscription.String()}}})
	if err != nil {
		return fmt.Errorf("writing the workers' file: %w", err)
	}
	next := w.path + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("writing the workers' file: %w", err)
	}
	return os.Rename(next, w.path)
}
