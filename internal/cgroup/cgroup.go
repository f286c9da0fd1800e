// Package cgroup reads how much memory and processor time the process's container may use, from Linux' control groups of both
// versions.
package cgroup

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Limits are what the process may use. 0 means that no limit is known.
type Limits struct {
	// MemoryBytes is the memory above which the kernel kills.
	MemoryBytes int64
	// CPUs is the processor time, in seconds per second, above which the kernel throttles.
	CPUs float64
}

// unlimited is the least value that version 1 means no limit by: it writes the largest multiple of a page.
const unlimited = 1 << 60

// Read returns the limits of this process under the file system root, which is os.DirFS("/"). What cannot be read is no limit:
// other systems than Linux have none. A limit of a group above the process's own counts too.
func Read(root fs.FS) Limits {
	groups := own(root)
	var l Limits
	if group, ok := groups["memory"]; ok {
		l.MemoryBytes = smallest(root, "sys/fs/cgroup/memory", group, memoryV1)
	} else {
		l.MemoryBytes = smallest(root, "sys/fs/cgroup", groups[""], memoryV2)
	}
	if group, ok := groups["cpu"]; ok {
		l.CPUs = smallest(root, "sys/fs/cgroup/cpu", group, cpuV1)
	} else {
		l.CPUs = smallest(root, "sys/fs/cgroup", groups[""], cpuV2)
	}
	return l
}

// own returns the process's group for each controller of version 1, and for version 2 under "". The lines of the file are
// hierarchy:controllers:group.
func own(root fs.FS) map[string]string {
	groups := map[string]string{"": "/"}
	for line := range strings.Lines(read(root, "proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			groups[controller] = path.Clean("/" + parts[2])
		}
	}
	return groups
}

// smallest returns the least limit from the group up to the mount, or 0. A group that the mount does not have, because the mount
// shows the container's own groups only, is passed over.
func smallest[T int64 | float64](root fs.FS, mount, group string, limit func(root fs.FS, dir string) T) T {
	var least T
	for {
		if l := limit(root, path.Join(mount, group)); l > 0 && (least == 0 || l < least) {
			least = l
		}
		if group == "/" {
			return least
		}
		group = path.Dir(group)
	}
}

func memoryV1(root fs.FS, dir string) int64 { return number(read(root, dir+"/memory.limit_in_bytes")) }

func memoryV2(root fs.FS, dir string) int64 { return number(read(root, dir+"/memory.max")) }

func cpuV1(root fs.FS, dir string) float64 {
	return ratio(read(root, dir+"/cpu.cfs_quota_us"), read(root, dir+"/cpu.cfs_period_us"))
}

// cpuV2 reads "quota period"; the quota is "max" where there is none.
func cpuV2(root fs.FS, dir string) float64 {
	quota, period, _ := strings.Cut(strings.TrimSpace(read(root, dir+"/cpu.max")), " ")
	return ratio(quota, period)
}

// number reads a limit; what is none gives 0.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n >= unlimited {
		return 0
	}
	return n
}

func ratio(quota, period string) float64 {
	q, p := number(quota), number(period)
	if p == 0 {
		return 0
	}
	return float64(q) / float64(p)
}

func read(root fs.FS, name string) string {
	content, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return string(content)
}
