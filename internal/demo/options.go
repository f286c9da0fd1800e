package demo

import (
	"os"
	"path/filepath"
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
}

// DefaultOptions returns the show as documented.
func DefaultOptions() Options { return Options{WorkTime: 50 * time.Millisecond} }

// RegisterFlags binds the options to their flags.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Fast, "fast", o.Fast, "tell the story 36 times as fast, in less than a minute, instead of 12 times")
	fs.BoolVar(&o.RealTime, "real-time", o.RealTime, "tell the story as it was, in about half an hour")
	fs.StringVar(&o.BinDir, "bin-dir", o.BinDir, "directory of the programs spillway, worker and backlog-exporter (default: where this program is)")
	fs.DurationVar(&o.WorkTime, "work-time", o.WorkTime, "work on each message; 50ms make about 200 msg/s per worker")
}

// Validate returns every fault at once.
func (o *Options) Validate() error {
	var errs config.Errors
	if o.Fast && o.RealTime {
		errs.Add("--fast", "", "excludes --real-time", "give one of the two")
	}
	errs.Check(o.WorkTime >= time.Millisecond && o.WorkTime <= 10*time.Second, "--work-time", o.WorkTime, "is out of range", "give 1ms to 10s")
	return errs.Err()
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
