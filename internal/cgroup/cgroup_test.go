package cgroup_test

import (
	"os"
	"testing"
	"testing/fstest"

	"spillway/internal/cgroup"
)

func files(names ...string) fstest.MapFS {
	root := fstest.MapFS{}
	for i := 0; i < len(names); i += 2 {
		root[names[i]] = &fstest.MapFile{Data: []byte(names[i+1])}
	}
	return root
}

func TestRead(t *testing.T) {
	const v1 = "9:name=systemd:/\n4:memory:/kubepods/pod1/c1\n3:cpu,cpuacct:/kubepods/pod1/c1\n0::/system\n"
	tests := []struct {
		name string
		root fstest.MapFS
		want cgroup.Limits
	}{
		{"no control groups", files(), cgroup.Limits{}},
		{
			"version 2, in a container of its own",
			files("proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "536870912\n", "sys/fs/cgroup/cpu.max", "150000 100000\n"),
			cgroup.Limits{MemoryBytes: 512 << 20, CPUs: 1.5},
		},
		{
			"version 2 without limits",
			files("proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "max\n", "sys/fs/cgroup/cpu.max", "max 100000\n"),
			cgroup.Limits{},
		},
		{
			"version 2, the smaller limit of the pod around the container",
			files("proc/self/cgroup", "0::/pod/c\n", "sys/fs/cgroup/pod/c/memory.max", "max\n", "sys/fs/cgroup/pod/memory.max", "1000\n",
				"sys/fs/cgroup/pod/c/cpu.max", "50000 100000\n", "sys/fs/cgroup/pod/cpu.max", "200000 100000\n"),
			cgroup.Limits{MemoryBytes: 1000, CPUs: 0.5},
		},
		{
			"version 2, a path that climbs out of its namespace",
			files("proc/self/cgroup", "0::/../../c\n", "sys/fs/cgroup/memory.max", "1000\n"),
			cgroup.Limits{MemoryBytes: 1000},
		},
		{
			"version 1",
			files("proc/self/cgroup", v1, "sys/fs/cgroup/memory/kubepods/pod1/c1/memory.limit_in_bytes", "1000\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n",
				"sys/fs/cgroup/cpu/kubepods/pod1/c1/cpu.cfs_quota_us", "25000\n", "sys/fs/cgroup/cpu/kubepods/pod1/c1/cpu.cfs_period_us", "100000\n"),
			cgroup.Limits{MemoryBytes: 1000, CPUs: 0.25},
		},
		{
			"version 1, mounted at the container's own group",
			files("proc/self/cgroup", v1, "sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n",
				"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
			cgroup.Limits{MemoryBytes: 1000},
		},
		{
			"version 1 without limits",
			files("proc/self/cgroup", v1, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
			cgroup.Limits{},
		},
		{
			"nonsense",
			files("proc/self/cgroup", "x\n::\n0::/\n", "sys/fs/cgroup/memory.max", "-5", "sys/fs/cgroup/cpu.max", "100000 0"),
			cgroup.Limits{},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cgroup.Read(tt.root); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestReadThisMachine(t *testing.T) {
	if l := cgroup.Read(os.DirFS("/")); l.MemoryBytes < 0 || l.CPUs < 0 {
		t.Errorf("got %+v", l)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("0::/\n", "max", "max 100000")
	f.Add("4:memory:/a/../..\n3:cpu:/\n", "-1", "1")
	f.Fuzz(func(t *testing.T, groups, memory, cpu string) {
		l := cgroup.Read(files("proc/self/cgroup", groups, "sys/fs/cgroup/memory.max", memory, "sys/fs/cgroup/cpu.max", cpu,
			"sys/fs/cgroup/memory/memory.limit_in_bytes", memory))
		if l.MemoryBytes < 0 || l.CPUs < 0 {
			t.Fatalf("got %+v", l)
		}
	})
}
