package export

import (
	"maps"
	"os"
	"slices"

	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/fleet"
	"spillway/internal/kube"
)

// namedWorkers are those that flags and a file name. One goroutine uses it.
type namedWorkers struct {
	flags []fleet.Target
	file  *fleet.File // nil for none
	path  string
	wants *Wants
	log   *zap.Logger

	last []fleet.Target // as the file had them
}

func (o *Options) namedWorkers(wants *Wants, log *zap.Logger) *namedWorkers {
	n := &namedWorkers{wants: wants, path: o.Workers.File, log: log}
	for _, text := range o.Workers.Workers {
		if t, err := fleet.ParseWorker(text, o.Project); err == nil { // validated before
			n.flags = append(n.flags, t)
		}
	}
	wants.Put("workers", wantsOf(n.flags, "--worker"))
	if o.Workers.File != "" {
		n.file = fleet.NewFile(o.Workers.File, o.Project)
	}
	return n
}

func wantsOf(targets []fleet.Target, by string) []backlog.Want {
	var wants []backlog.Want
	for _, t := range targets {
		for _, sub := range t.Subscriptions {
			wants = append(wants, backlog.Want{Subscription: sub, By: by})
		}
	}
	return wants
}

// teams returns one for each subscription. Nobody else says how many workers there are to be: as many as are named.
func (n *namedWorkers) teams() []team {
	bySub := map[backlog.Subscription]*team{}
	for _, t := range fleet.Merge(append(slices.Clone(n.flags), n.read()...)...) {
		for _, sub := range t.Subscriptions {
			if bySub[sub] == nil {
				bySub[sub] = &team{subs: []backlog.Subscription{sub}}
			}
			bySub[sub].workers = append(bySub[sub].workers, t)
			bySub[sub].replicas++
		}
	}
	teams := make([]team, 0, len(bySub))
	for _, sub := range slices.SortedFunc(maps.Keys(bySub), backlog.Subscription.Compare) {
		teams = append(teams, *bySub[sub])
	}
	return teams
}

// read returns the workers of the file as it is now. A file that is wrong leaves those that it had, and is told once.
func (n *namedWorkers) read() []fleet.Target {
	if n.file == nil {
		return nil
	}
	targets, changed, err := n.file.Read()
	switch {
	case changed && err != nil:
		n.log.Warn("reading --workers-file failed, and the workers stay as they are", zap.String("file", n.path), zap.Error(err))
	case changed:
		n.log.Info("reading --workers-file works again", zap.String("file", n.path))
	}
	if !slices.EqualFunc(targets, n.last, func(a, b fleet.Target) bool { return a.ID == b.ID && slices.Equal(a.Subscriptions, b.Subscriptions) }) {
		n.wants.Put("workers-file", wantsOf(targets, "--workers-file"))
		n.log.Info("workers named by --workers-file", zap.Int("workers", len(targets)))
		n.last = targets
	}
	return targets
}

func checkWorker(text, project string) error {
	_, err := fleet.ParseWorker(text, project)
	return err
}

func checkWorkersFile(path, project string) error {
	_, _, err := fleet.NewFile(path, project).Read()
	return err
}

func isDir(path string) bool {
	at, err := os.Stat(path)
	return err == nil && at.IsDir()
}

// scaledWorkers are those that autoscalers scale. One goroutine uses it.
type scaledWorkers struct {
	targets func() []kube.Target
	ports   []string
	log     *zap.Logger
	told    map[string]bool // pods of which nobody knows where their metrics are
}

func (o *Options) scaledWorkers(targets func() []kube.Target, log *zap.Logger) *scaledWorkers {
	ports := []string{"metrics", "http"}
	if o.Workers.Port != "" {
		ports = []string{o.Workers.Port}
	}
	return &scaledWorkers{targets: targets, ports: ports, log: log, told: map[string]bool{}}
}

// teams returns one for each autoscaler.
func (s *scaledWorkers) teams() []team {
	told := map[string]bool{}
	var teams []team
	for _, t := range s.targets() {
		one := team{
			namespace: t.Namespace, autoscaler: t.Name, subs: t.Subscriptions, replicas: int(t.Current), window: t.Window, annotations: t.Settings,
		}
		running := 0
		for i := range t.Pods {
			if !t.Pods[i].Terminating {
				running++
			}
			one.workers = append(one.workers, s.worker(&t, &t.Pods[i], told))
		}
		if one.replicas == 0 { // an autoscaler that nobody has looked at yet says 0 as well
			one.replicas = running
		}
		teams = append(teams, one)
	}
	s.told = told
	return teams
}

// worker returns a pod as a target. One that cannot be scraped is expected all the same, and told once.
func (s *scaledWorkers) worker(t *kube.Target, p *kube.Pod, told map[string]bool) fleet.Target {
	id := t.Namespace + "/" + p.Name + "/" + p.UID
	place := fleet.Place{Address: p.Address, Ports: p.Ports, Port: p.ScrapePort, Path: p.ScrapePath, Scheme: p.ScrapeScheme}
	url, err := place.URL(s.ports...)
	if err != nil {
		told[id] = true
		if !s.told[id] {
			s.log.Warn("a pod's metrics cannot be found", zap.Stringer("autoscaler", t.Autoscaler), zap.String("pod", p.Name), zap.Error(err))
		}
	}
	return fleet.Target{ID: id, URL: url, Subscriptions: t.Subscriptions, Ready: p.Ready, Terminating: p.Terminating, Started: p.Started}
}
