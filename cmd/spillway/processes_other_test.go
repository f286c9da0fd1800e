//go:build !linux

package main

import "testing"

// childrenOf needs /proc.
func childrenOf(t *testing.T, _ int) []string {
	t.Helper()
	return nil
}

func expectGone(t *testing.T, _ []string) { t.Helper() }
