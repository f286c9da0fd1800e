package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// maxFile bounds a file of workers, in bytes.
const maxFile = 1 << 20

const metricsPath = "/metrics"

// ParseWorker reads SUBSCRIPTION=URL. The subscription is a full name or a short ID of project; of the URL host:port is enough.
func ParseWorker(text, project string) (Target, error) {
	name, address, found := strings.Cut(text, "=")
	if !found {
		return Target{}, errors.New("is not SUBSCRIPTION=URL")
	}
	sub, err := backlog.ParseSubscription(name, project)
	if err != nil {
		return Target{}, err
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	return static(address, []backlog.Subscription{sub})
}

// static returns a worker that nobody but a flag or a file knows. Nobody else says whether it is ready: it should be.
func static(address string, subs []backlog.Subscription) (Target, error) {
	at, err := url.Parse(address)
	shown := config.RedactURL(address)
	switch {
	case err != nil:
		return Target{}, fmt.Errorf("%q is not a URL", shown)
	case at.Scheme != "http" && at.Scheme != "https":
		return Target{}, fmt.Errorf("%q is not an http:// or https:// URL", shown)
	case at.Hostname() == "":
		return Target{}, fmt.Errorf("%q has no host", shown)
	}
	if port := at.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return Target{}, fmt.Errorf("%q has a port that does not exist", shown)
		}
	}
	if at.Path == "" || at.Path == "/" {
		at.Path = metricsPath
	}
	return Target{ID: at.Redacted(), URL: at.String(), Subscriptions: subs, Ready: true}, nil
}

// Merge returns the targets once each, with the subscriptions of all who named them, in order.
func Merge(targets ...Target) []Target {
	byID := map[string]Target{}
	for _, t := range targets {
		known := byID[t.ID]
		t.Subscriptions = append(slices.Clone(known.Subscriptions), t.Subscriptions...)
		slices.SortFunc(t.Subscriptions, backlog.Subscription.Compare)
		t.Subscriptions = slices.Compact(t.Subscriptions)
		byID[t.ID] = t
	}
	merged := make([]Target, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		merged = append(merged, byID[id])
	}
	return merged
}

// File is a file of workers in the form of Prometheus' file_sd: a list of groups, each with targets (host:port) and labels, in YAML or
// JSON. The label subscription, which every group must have, names one or, with commas, several; __metrics_path__ and __scheme__ mean
// what they do there. It is not safe for concurrent use.
type File struct {
	path, project string
	text          []byte
	targets       []Target
	err           error
}

// NewFile returns a file that has not been read yet; short IDs in it are project's.
func NewFile(path, project string) *File { return &File{path: path, project: project} }

// group is one entry of the list.
type group struct {
	Targets []string          `yaml:"targets"`
	Labels  map[string]string `yaml:"labels"`
}

// Read looks whether the file has changed, and returns the workers that it names. When it cannot be read or is wrong, those named before
// stay, and changed says whether that is another error than last time. The error is a *config.Error without its key.
func (f *File) Read() (targets []Target, changed bool, err error) {
	before := f.err
	text, err := readBounded(f.path)
	switch {
	case err != nil:
		f.err = err
	case f.text == nil || !bytes.Equal(text, f.text):
		f.text = text
		var parsed []Target
		if parsed, f.err = parseFile(text, f.project); f.err == nil {
			f.targets = parsed
		}
	case before != nil && errors.Is(before, errUnreadable):
		_, f.err = parseFile(text, f.project)
	}
	changed = (before == nil) != (f.err == nil) || (before != nil && f.err != nil && before.Error() != f.err.Error())
	return f.targets, changed, f.err
}

var errUnreadable = errors.New("cannot be read")

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, unreadable(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(text) > maxFile:
		return nil, fmt.Errorf("%w: it is larger than 1 MiB", errUnreadable)
	}
	return text, nil
}

func unreadable(err error) error {
	if wrapped, ok := errors.AsType[*os.PathError](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("%w: %w", errUnreadable, err)
}

func parseFile(text []byte, project string) ([]Target, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var groups []group
	if err := decoder.Decode(&groups); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("is not a list of targets and labels: %s", plain(err))
	}
	var all []Target
	var errs []string
	for i, g := range groups {
		targets, err := g.parse(project)
		if err != nil {
			errs = append(errs, fmt.Sprintf("group %d: %v", i+1, err))
		}
		all = append(all, targets...)
	}
	if len(errs) > 0 {
		return nil, errors.New(strings.Join(errs, "; "))
	}
	return Merge(all...), nil
}

// plain is the decoder's error in one line, with words that people know in place of Go's types.
func plain(err error) string {
	words := strings.NewReplacer("yaml: ", "", "unmarshal errors: ", "", "[]fleet.group", "a list of groups", "type fleet.group", "a group", "fleet.group", "a group",
		"map[string]string", "names and values", "[]string", "a list", "cannot unmarshal !!map into", "a mapping is not", "cannot unmarshal !!seq into", "a list is not")
	return words.Replace(strings.Join(strings.Fields(err.Error()), " "))
}

func (g *group) parse(project string) ([]Target, error) {
	subs, err := g.subscriptions(project)
	if err != nil {
		return nil, err
	}
	scheme, path := g.Labels["__scheme__"], g.Labels["__metrics_path__"]
	if scheme == "" {
		scheme = "http"
	}
	var all []Target
	for _, address := range g.Targets {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("the target %q is not host:port", config.RedactURL(address))
		}
		t, err := static(scheme+"://"+address+path, subs)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func (g *group) subscriptions(project string) ([]backlog.Subscription, error) {
	names := g.Labels["subscription"]
	if names == "" {
		message := "the label subscription is missing"
		if near, found := config.Nearest("subscription", slices.Sorted(maps.Keys(g.Labels))); found {
			message += fmt.Sprintf(" (%q is there)", near)
		}
		return nil, errors.New(message)
	}
	var subs []backlog.Subscription
	for name := range strings.SplitSeq(names, ",") {
		sub, err := backlog.ParseSubscription(strings.TrimSpace(name), project)
		if err != nil {
			return nil, err
		}
		subs = append(subs, sub)
	}
	return subs, nil
}
