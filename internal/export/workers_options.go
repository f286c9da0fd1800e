package export

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spillway/internal/config"
)

// WorkerOptions is who works on the subscriptions, and how they are asked.
type WorkerOptions struct {
	// Workers are SUBSCRIPTION=URL, and File is a file of them in the form of Prometheus' file_sd; empty for none.
	Workers []string
	File    string
	// Port names the pods' port that has their metrics; empty means metrics or http.
	Port string
	// Interval is the time from one scrape of a worker to the next, Timeout how long one may take; 0 means three fifths of that.
	Interval, Timeout time.Duration
	// All estimates every subscription that is watched, those without workers by Monitoring alone.
	All bool
	// Record is a file that everything is written into that the law is given; empty for none. RecordLimit bounds it, in MiB.
	Record      string
	RecordLimit int
}

func defaultWorkerOptions() WorkerOptions {
	return WorkerOptions{Interval: 5 * time.Second, RecordLimit: 100}
}

func (o *WorkerOptions) registerFlags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&o.Workers, "worker", o.Workers, "SUBSCRIPTION=URL of a worker that is scraped although no cluster names it; host:port is enough; may be given several times")
	fs.StringVar(&o.File, "workers-file", o.File, "file of such workers in the form of Prometheus' file_sd, with the label subscription; read again when it changes")
	fs.StringVar(&o.Port, "worker-port", o.Port, "name of the pods' port that has their metrics; metrics or http unless given, or what prometheus.io/port on the pod says")
	fs.DurationVar(&o.Interval, "scrape-interval", o.Interval, "time from one scrape of a worker to the next")
	fs.DurationVar(&o.Timeout, "scrape-timeout", o.Timeout, "how long one scrape of a worker may take; three fifths of --scrape-interval unless given")
	fs.BoolVar(&o.All, "estimate-all", o.All, "estimate every subscription that is watched, also those of which no worker and no autoscaler is known")
	fs.StringVar(&o.Record, "record", o.Record, "file to record in what every estimate is made of, for spillway replay; the one before is replaced")
	fs.IntVar(&o.RecordLimit, "record-limit", o.RecordLimit, "MiB after which --record begins a new file and keeps the one before as FILE.1")
}

// timeout is how long one scrape may take.
func (o *WorkerOptions) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return o.Interval * 3 / 5
}

func (o *WorkerOptions) validate(errs *config.Errors, project string) {
	for _, text := range o.Workers {
		if err := checkWorker(text, project); err != nil {
			errs.Add("--worker", shown(text), err.Error(), "give projects/P/subscriptions/S=http://HOST:PORT, or a short ID together with --project")
		}
	}
	if o.File != "" {
		if err := checkWorkersFile(o.File, project); err != nil {
			errs.Add("--workers-file", o.File, err.Error(), `give a list such as [{"targets": ["10.0.0.7:8080"], "labels": {"subscription": "projects/P/subscriptions/S"}}]`)
		}
	}
	errs.Check(o.Interval >= time.Second && o.Interval <= time.Minute, "--scrape-interval", o.Interval, "is out of bounds", "give 1s to 1m")
	errs.Check(o.Timeout >= 0, "--scrape-timeout", o.Timeout, "must not be negative", "give less than --scrape-interval")
	errs.Check(o.Timeout <= o.Interval*9/10, "--scrape-timeout", o.Timeout, "leaves no time before the next scrape", "give at most nine tenths of --scrape-interval")
	errs.Check(o.RecordLimit >= 1 && o.RecordLimit <= 1<<20, "--record-limit", o.RecordLimit, "is out of bounds", "give MiB from 1 to 1048576")
	errs.Check(o.Record != "" || o.RecordLimit == defaultWorkerOptions().RecordLimit, "--record-limit", o.RecordLimit, "bounds nothing", "give --record too")
	o.validateRecord(errs)
}

// validateRecord keeps a recording from replacing what is none.
func (o *WorkerOptions) validateRecord(errs *config.Errors) {
	if o.Record == "" {
		return
	}
	if dir, err := filepath.Abs(filepath.Dir(o.Record)); err != nil || !isDir(dir) {
		errs.Add("--record", o.Record, "is in no directory", "make the directory, or give another file")
		return
	}
	if err := checkRecord(o.Record); err != nil {
		errs.Add("--record", o.Record, err.Error(), "give another file")
	}
}

// shown is a worker as a message may name it: without the password that its URL may hold.
func shown(worker string) string {
	if name, address, found := strings.Cut(worker, "="); found {
		return name + "=" + config.RedactURL(address)
	}
	return config.RedactURL(worker)
}
