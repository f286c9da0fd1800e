package monitoring

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// selectMetric finds the one metric type that a time series filter must name, and checks the filter's other fields against it.
func (s *Server) selectMetric(filter expr) (*metric, error) {
	name, err := metricTypeOf(filter)
	if err != nil {
		return nil, err
	}
	m := s.metricByType(name)
	if m == nil {
		return nil, status.Errorf(codes.NotFound, "cannot find a metric that matches type = %q; list metric descriptors to see what there is", name)
	}
	return m, checkFields(filter, m)
}

func (s *Server) metricByType(name string) *metric {
	for _, m := range s.metrics {
		if m.fullType() == name {
			return m
		}
	}
	return nil
}

// metricTypeOf wants exactly one metric.type = "..." that is not part of an OR or a NOT.
func metricTypeOf(filter expr) (string, error) {
	var named *comparison
	terms, ok := filter.(and)
	if !ok {
		terms = and{filter}
	}
	for _, term := range terms {
		c, ok := term.(*comparison)
		if ok && c.field == "metric.type" && c.equals != nil && named == nil {
			named = c
		}
	}
	at, found := 0, false
	filter.each(func(c *comparison) {
		if c.field == "metric.type" && c != named && !found {
			at, found = c.at, true
		}
	})
	if named == nil || found {
		return "", filterErrorf(at, `the filter must name a single metric type, once and by metric.type = "..."`)
	}
	return *named.equals, nil
}

// checkFields refuses labels that the metric or its resource does not have, and a resource type of other metrics.
func checkFields(filter expr, m *metric) error {
	var err error
	filter.each(func(c *comparison) {
		if err == nil {
			err = checkField(c, m)
		}
	})
	return err
}

func checkField(c *comparison, m *metric) error {
	if key, ok := strings.CutPrefix(c.field, "metric.labels."); ok && m.labelIndex(key) < 0 {
		return filterErrorf(c.at, "metric %s has no label %q", m.fullType(), key)
	}
	if key, ok := strings.CutPrefix(c.field, "resource.labels."); ok && key != "project_id" && key != m.idLabel() {
		return filterErrorf(c.at, "resource %s has no label %q", m.resource(), key)
	}
	if c.field == "resource.type" && c.equals != nil && *c.equals != m.resource() {
		return filterErrorf(c.at, "metric %s belongs to resource %s, not %s", m.fullType(), m.resource(), *c.equals)
	}
	return nil
}

// field is the value of a filter's or grouping's canonical field on a series.
func (s *series) field(name string) string {
	switch name {
	case "metric.type":
		return s.metric.fullType()
	case "resource.type":
		return s.metric.resource()
	case "project", "resource.labels.project_id":
		return s.project
	case "resource.labels." + s.metric.idLabel():
		return s.id
	}
	if i := s.metric.labelIndex(strings.TrimPrefix(name, "metric.labels.")); i >= 0 && strings.HasPrefix(name, "metric.labels.") {
		return s.labels[i]
	}
	return ""
}

// projectOf reads the project from a request's name; organizations and folders are not served.
func projectOf(name string) (string, error) {
	project, ok := strings.CutPrefix(name, "projects/")
	if !ok || project == "" || strings.Contains(project, "/") {
		return "", invalidArgument(fmt.Errorf("name %q is not projects/PROJECT", name))
	}
	return project, nil
}

func invalidArgument(err error) error {
	return status.Error(codes.InvalidArgument, err.Error())
}
