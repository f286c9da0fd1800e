package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process and its descendants cost.
type Usage struct {
	CPU time.Duration // processor time since the start, with that of the children that have ended
	RSS int64         // resident bytes
}

// The fields of /proc/PID/stat after the name, which may hold blanks: see proc(5).
const (
	statParent = 1
	statTimes  = 11 // user and system time, and both of the children that have been waited for
	statRSS    = 21
	statFields = 22
	// tick is the unit of the times: 1/USER_HZ, which is 100 on every Linux.
	tick = 10 * time.Millisecond
)

// Usages reads /proc once and returns the usage of each of the processes, summed over its descendants. One that does not
// run is absent.
func Usages(pids []int) (map[int]Usage, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("listing the processes: %w", err)
	}
	own, children := map[int]Usage{}, map[int][]int{}
	for _, path := range stats {
		content, err := os.ReadFile(path) //nolint:gosec // The glob is fixed.
		if err != nil {
			continue // It has ended.
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		parent, usage, err := parseStat(content)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		own[pid], children[parent] = usage, append(children[parent], pid)
	}
	out := map[int]Usage{}
	for _, pid := range pids {
		if _, ok := own[pid]; ok {
			out[pid] = sum(pid, own, children)
		}
	}
	return out, nil
}

// sum adds up a process and its descendants.
func sum(pid int, own map[int]Usage, children map[int][]int) Usage {
	total := own[pid]
	for _, child := range children[pid] {
		below := sum(child, own, children)
		total.CPU += below.CPU
		total.RSS += below.RSS
	}
	return total
}

// parseStat reads the parent and the usage from /proc/PID/stat.
func parseStat(content []byte) (parent int, usage Usage, err error) {
	end := bytes.LastIndexByte(content, ')')
	if end < 0 {
		return 0, Usage{}, errors.New("there is no name")
	}
	fields := strings.Fields(string(content[end+1:]))
	if len(fields) < statFields {
		return 0, Usage{}, fmt.Errorf("%d fields are fewer than %d", len(fields), statFields)
	}
	if parent, err = strconv.Atoi(fields[statParent]); err != nil {
		return 0, Usage{}, err
	}
	for _, field := range fields[statTimes : statTimes+4] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, Usage{}, err
		}
		usage.CPU += time.Duration(ticks) * tick
	}
	pages, err := strconv.ParseInt(fields[statRSS], 10, 64)
	if err != nil {
		return 0, Usage{}, err
	}
	usage.RSS = pages * int64(os.Getpagesize())
	return parent, usage, nil
}
