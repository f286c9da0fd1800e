package demo

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/config"
)

// The paces of the story: by default it takes about two minutes and a half, fast less than one.
const (
	defaultPace Pace = 12
	fastPace    Pace = 36
	realPace    Pace = 1
)

// concurrency is how many messages a worker handles at once: 10 of 50 ms each are 200 messages per second.
const concurrency = 10

// Options says how the show is given.
type Options struct {
	// Fast and RealTime choose another pace than the default; at most one is set.
	Fast, RealTime bool
	// BinDir holds the programs; empty means where this one is.
	BinDir string
	// WorkTime is how long the target works on each message.
	WorkTime time.Duration
	// Policy is what the autoscaler scales on: policyBacklog, policyDesired or policyBoth.
	Policy string
	// Page is the loopback address that the page is served at, empty for no page; Open opens it in a browser.
	Page string
	Open bool
	// Stay keeps the show going after the story, until Ctrl-C.
	Stay bool
}

// DefaultOptions returns the show as documented.
func DefaultOptions() Options {
	return Options{WorkTime: 50 * time.Millisecond, Policy: policyBacklog, Page: "127.0.0.1:0"}
}

// RegisterFlags binds the options to their flags.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Fast, "fast", o.Fast, "tell the story 36 times as fast, in less than a minute, instead of 12 times")
	fs.BoolVar(&o.RealTime, "real-time", o.RealTime, "tell the story as it was, in about half an hour")
	fs.StringVar(&o.BinDir, "bin-dir", o.BinDir, "directory of the programs spillway, worker and backlog-exporter (default: where this program is)")
	fs.StringVar(&o.Policy, "policy", o.Policy, "what the autoscaler scales on: backlog (as Monitoring shows it), desired (replicas, as the exporter computes them), or both, one after the other, to compare them")
	fs.StringVar(&o.Page, "page", o.Page, "loopback address to serve the page at; port 0 takes a free one, empty serves none")
	fs.BoolVar(&o.Open, "open", o.Open, "open the page in a browser")
	fs.BoolVar(&o.Stay, "stay", o.Stay, "go on after the story until Ctrl-C; so does a show whose controls were used on the page")
	fs.DurationVar(&o.WorkTime, "work-time", o.WorkTime, "work on each message; 50ms make about 200 msg/s per worker")
}

// Validate returns every fault at once.
func (o *Options) Validate() error {
	var errs config.Errors
	errs.Check(runtime.GOOS != "windows", "spillway demo", runtime.GOOS, "has no SIGTERM to end the programs with", "run it on Linux or macOS, or in WSL")
	errs.Check(slices.Contains([]string{policyBacklog, policyDesired, policyBoth}, o.Policy), "--policy", o.Policy, "is no policy", "give backlog, desired or both")
	errs.Check(!o.Stay || o.Policy != policyBoth, "--stay", "true", "excludes --policy=both, which ends with a comparison", "give one of the two")
	errs.Check(!o.Open || o.Page != "", "--open", "true", "has no page to open", "leave out --page=")
	errs.Check(o.Page == "" || loopback(o.Page), "--page", o.Page, "is not a port of this machine alone", "give 127.0.0.1:0, or another loopback address and port")
	if o.Fast && o.RealTime {
		errs.Add("--fast", "", "excludes --real-time", "give one of the two")
	}
	errs.Check(o.WorkTime >= time.Millisecond && o.WorkTime <= 10*time.Second, "--work-time", o.WorkTime, "is out of range", "give 1ms to 10s")
	return errs.Err()
}

// loopback says whether an address is one that no other machine reaches.
func loopback(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

func (o *Options) pace() Pace {
	switch {
	case o.Fast:
		return fastPace
	case o.RealTime:
		return realPace
	default:
		return defaultPace
	}
}

// binaries are the paths of the programs.
type binaries struct{ spillway, worker, exporter string }

// find looks for the programs. Any that is missing is a fault.
func (o *Options) find() (binaries, error) {
	dir := o.BinDir
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return binaries{}, err
		}
		dir = filepath.Dir(self)
	}
	var errs config.Errors
	path := func(name string) string {
		p := filepath.Join(dir, name)
		info, err := os.Stat(p)
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			errs.Add("--bin-dir", dir, "holds no program "+name, "run `make build`, or give the directory that the programs were built into")
		}
		return p
	}
	b := binaries{spillway: path("spillway"), worker: path("worker"), exporter: path("backlog-exporter")}
	return b, errs.Err()
}
