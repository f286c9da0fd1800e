package overlays

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"spillway/internal/export"
)

// leaves are the values of an object by their paths; an element of a list is named by its name, or else its number.
func leaves(into map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			leaves(into, path+"/"+key, value)
		}
	case []any:
		if containers.MatchString(path) { // They start in this order.
			into[path+"#order"] = names(v)
		}
		for i, value := range v {
			name := strconv.Itoa(i)
			if m, ok := value.(map[string]any); ok && m["name"] != nil {
				name = fmt.Sprint(m["name"])
			}
			leaves(into, path+"/"+name, value)
		}
	default:
		into[path] = fmt.Sprint(v)
	}
}

var containers = regexp.MustCompile(`/(initC|c)ontainers$`)

func names(list []any) string {
	var all []string
	for _, element := range list {
		all = append(all, fmt.Sprint(element.(map[string]any)["name"]))
	}
	return strings.Join(all, " ")
}

// absent are the kinds that the cluster lacks.
var absent = regexp.MustCompile(`^(ServiceMonitor|PodMonitoring|PrometheusRule|ScaledObject) `)

// forbidden lists every difference of the overlay's objects from the shipped ones that is neither an endpoint nor a time
// that is shorter by the factor exactly. Objects are named by kind and name.
func forbidden(shipped, overlay map[string]map[string]any, o Overlay) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(shipped)) {
		if overlay[name] == nil && !absent.MatchString(name) {
			found = append(found, name+" is left out")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(overlay)) {
		if o.Delegate && name == "ClusterRoleBinding delegate" {
			continue
		}
		if shipped[name] == nil {
			found = append(found, name+" is added")
			continue
		}
		before, after := map[string]string{}, map[string]string{}
		leaves(before, "", shipped[name])
		leaves(after, "", overlay[name])
		for _, problem := range compare(before, after, o) {
			found = append(found, name+problem)
		}
	}
	return found
}

func compare(before, after map[string]string, o Overlay) []string {
	var found []string
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		old, was := before[path]
		value, is := after[path]
		switch {
		case was && is && old == value:
		case was && is && periods.MatchString(path) && divided(old, value, o.Factor):
		case was && is && o.Scaled && strings.HasSuffix(path, "/external/target/averageValue") && divided(old, value, o.Factor):
		case !was && endpoint(path, value):
		case !was && arguments.MatchString(path) && flag(value, o.Factor):
		case !was && o.Delegate && delegate.MatchString(path+"="+value):
		default:
			found = append(found, fmt.Sprintf("%s is %q, shipped is %q", path, value, old))
		}
	}
	return found
}

var (
	periods   = regexp.MustCompile(`^/spec/behavior/scale(Up|Down)/(stabilizationWindowSeconds|policies/\d/periodSeconds)$`)
	arguments = regexp.MustCompile(`^/spec/template/spec/(containers|initContainers)/backlog-exporter/args/\d+$`)
	delegate  = regexp.MustCompile(`^/spec/template/spec/(` +
		`containers/backlog-exporter/(args/\d+=--delegate(-ca)?=\S+|volumeMounts/delegate/\w+=.+)|volumes/delegate/(name|configMap/name)=delegate)$`)
	variables = regexp.MustCompile(`^/spec/template/spec/(containers/worker/env/PUBSUB_EMULATOR_HOST|initContainers/app/env/LEDGER)/(name|value)$`)
)

func divided(old, value string, factor int) bool {
	was, err1 := strconv.Atoi(old)
	is, err2 := strconv.Atoi(value)
	return err1 == nil && err2 == nil && is*factor == was
}

func endpoint(path, value string) bool {
	return variables.MatchString(path) && (strings.HasSuffix(path, "/name") || strings.Contains(value, "10.244.0.1:"))
}

// flag allows the exporter's endpoint, and its times if they are its defaults divided by the factor.
func flag(value string, factor int) bool {
	defaults := export.DefaultOptions()
	name, setting, _ := strings.Cut(value, "=")
	by := time.Duration(factor)
	switch name {
	case "--monitoring-endpoint":
		return strings.HasPrefix(setting, "10.244.0.1:")
	case "--poll-interval":
		return setting == (defaults.PollInterval / by).String()
	case "--fresh-for":
		return setting == (defaults.FreshFor / by).String()
	case "--hold":
		return setting == (defaults.Hold / by).String()
	case "--drain-time":
		return setting == (defaults.Law.Drain / by).String()
	case "--scrape-interval":
		return setting == (defaults.Workers.Interval / by).String()
	}
	return false
}
