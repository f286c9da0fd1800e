package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childrenOf lists the processes that pid has started: emulator, exporter and two workers.
func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var children []string
	for _, path := range stats {
		if parent(path) == fmt.Sprint(pid) {
			children = append(children, filepath.Dir(path))
		}
	}
	if len(children) != 4 {
		t.Fatalf("%d has started %v, not four processes", pid, children)
	}
	return children
}

// parent reads the parent's ID; empty when the process is gone.
func parent(stat string) string {
	text, err := os.ReadFile(stat)
	_, fields, _ := strings.Cut(string(text), ") ")
	if words := strings.Fields(fields); err == nil && len(words) > 1 && words[0] != "Z" {
		return words[1]
	}
	return ""
}

func expectGone(t *testing.T, children []string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for _, child := range children {
		for parent(filepath.Join(child, "stat")) != "" {
			if time.Now().After(deadline) {
				t.Fatalf("%s is still there", child)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func TestNoProcessOutlivesADemoThatIsKilled(t *testing.T) {
	t.Parallel()
	cmd, _, _ := startDemo(t)
	children := childrenOf(t, cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	expectGone(t, children)
}
