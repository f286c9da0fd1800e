package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"spillway/bench/run"
)

// serveBound is how long a worker may take to serve, and a consumer to answer.
const serveBound = 30 * time.Second

// load is what a consumer is given to do.
type load struct {
	outstanding int           // messages leased at once
	work        time.Duration // how long the handling of a message waits; 0 is an ack at once
	target      string        // URL that messages are posted to instead
}

// census is what a consumer tells of itself.
type census struct{ mallocs, goroutines float64 }

// consumer is a running program that consumes one queue.
type consumer struct {
	*run.Process
	address string // of the worker's own port
	ask     func(context.Context) (census, error)
}

// program starts a consumer of a queue.
type program struct {
	name     string
	graceful bool // it ends when asked to, and is waited for
	start    func(ctx context.Context, server *run.Server, q *run.Queue, l load) (*consumer, error)
}

// environment is the same for every consumer.
func environment(server *run.Server) []string {
	return []string{"PUBSUB_EMULATOR_HOST=" + server.Address, "GOMAXPROCS=2", "GOGC=100", "GOMEMLIMIT=1GiB"}
}

// peer is a program on package peer, which answers on its standard output.
func (b *bench) peer(name string) program {
	return program{name: name, start: func(ctx context.Context, server *run.Server, q *run.Queue, l load) (*consumer, error) {
		questions, ask, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("making a pipe: %w", err)
		}
		answers, answer := io.Pipe()
		p, err := run.Start(ctx, run.Command{
			Path: b.peers + "/" + name, Env: environment(server), Stdin: questions, Stdout: answer, Stderr: os.Stderr,
			Args: []string{
				"-project=" + run.Project, "-subscription=" + q.ID, fmt.Sprintf("-outstanding=%d", l.outstanding),
				"-work-duration=" + l.work.String(),
			},
		})
		_ = questions.Close() // the program has its own
		if err != nil {
			return nil, errors.Join(err, ask.Close())
		}
		go func() {
			<-p.Ended()
			_ = answer.CloseWithError(errors.New(name + " has ended"))
			_ = ask.Close()
		}()
		lines := bufio.NewReader(answers)
		return &consumer{Process: p, ask: func(context.Context) (c census, err error) {
			if _, err := io.WriteString(ask, "\n"); err != nil {
				return c, fmt.Errorf("asking %s: %w", name, err)
			}
			if _, err := fmt.Fscanf(lines, "%g %g\n", &c.mallocs, &c.goroutines); err != nil {
				return c, fmt.Errorf("reading the answer of %s: %w", name, err)
			}
			return c, nil
		}}, nil
	}}
}

// worker is the shipped worker, or the one that writes profiles, with its defaults for all but the window.
func worker(path string, more ...string) program {
	return program{name: "worker", start: func(ctx context.Context, server *run.Server, q *run.Queue, l load) (*consumer, error) {
		args := append([]string{
			"--subscription=" + q.Subscription(), fmt.Sprintf("--concurrency=%d", concurrency(l.outstanding)),
			"--listen=127.0.0.1:0", "--log-format=json",
		}, more...)
		switch {
		case l.target != "":
			args = append(args, "--target="+l.target)
		case l.work == 0:
			args = append(args, "--handler=discard")
		default:
			args = append(args, "--handler=work", "--work-duration="+l.work.String())
		}
		log, entries := io.Pipe()
		p, err := run.Start(ctx, run.Command{Path: path, Args: args, Env: environment(server), Stderr: entries})
		if err != nil {
			return nil, err
		}
		address := make(chan string, 1)
		go follow(log, address)
		go func() {
			<-p.Ended()
			_ = entries.Close()
		}()
		select {
		case at := <-address:
			ask := func(ctx context.Context) (census, error) { return scrape(ctx, "http://"+at+"/metrics") }
			return &consumer{Process: p, address: at, ask: ask}, nil
		case <-p.Ended():
			return nil, errors.New("the worker ended before it served")
		case <-time.After(serveBound):
			return nil, errors.Join(errors.New("the worker does not serve"), p.Kill())
		}
	}}
}

// concurrency is how many handlers declare a window: the worker's own tenth more may wait.
func concurrency(outstanding int) int { return max(1, outstanding*10/11) }

// follow finds the address in the log and shows what went wrong.
func follow(log io.Reader, address chan<- string) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Severity, Message, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) != nil {
			entry.Severity = "not JSON"
		}
		if entry.Message == "serving" {
			address <- entry.Address
		}
		if entry.Severity != "INFO" && entry.Severity != "DEBUG" {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
	}
}

// scrape reads the worker's own series of Go's runtime.
func scrape(ctx context.Context, url string) (c census, err error) {
	body, err := get(ctx, url)
	if err != nil {
		return c, err
	}
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "go_memstats_mallocs_total":
			c.mallocs, err = strconv.ParseFloat(value, 64)
		case "go_goroutines":
			c.goroutines, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return c, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	if c.mallocs == 0 || c.goroutines == 0 {
		return c, fmt.Errorf("%s lacks the runtime's series", url)
	}
	return c, nil
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, serveBound)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", url, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", url, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", url, err)
	}
	return string(body), nil
}
