package monitoring

import (
	"context"
	"strings"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"google.golang.org/genproto/googleapis/api"
	labelpb "google.golang.org/genproto/googleapis/api/label"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// maxDescriptorPage is the default and the maximum page of ListMetricDescriptors.
const maxDescriptorPage = 10_000

// ListMetricDescriptors lists the metrics that are served, filtered by metric.type, resource.type or project.
func (v *service) ListMetricDescriptors(
	ctx context.Context, req *monitoringpb.ListMetricDescriptorsRequest,
) (*monitoringpb.ListMetricDescriptorsResponse, error) {
	if err := v.server.faults.admit(ctx, v.server.clock()); err != nil {
		return nil, err
	}
	resp, err := v.server.listDescriptors(req)
	if err != nil {
		return nil, asStatus(err)
	}
	return resp, nil
}

// GetMetricDescriptor answers with one of them.
func (v *service) GetMetricDescriptor(
	ctx context.Context, req *monitoringpb.GetMetricDescriptorRequest,
) (*metricpb.MetricDescriptor, error) {
	s := v.server
	if err := s.faults.admit(ctx, s.clock()); err != nil {
		return nil, err
	}
	parent, name, found := strings.Cut(req.GetName(), "/metricDescriptors/")
	project, err := projectOf(parent)
	if err != nil || !found {
		return nil, status.Errorf(codes.InvalidArgument, "name %q is not projects/PROJECT/metricDescriptors/TYPE", req.GetName())
	}
	m := s.metricByType(name)
	if m == nil {
		return nil, status.Errorf(codes.NotFound, "there is no metric descriptor %q", name)
	}
	return m.descriptor(project), nil
}

func (s *Server) listDescriptors(req *monitoringpb.ListMetricDescriptorsRequest) (*monitoringpb.ListMetricDescriptorsResponse, error) {
	project, err := projectOf(req.GetName())
	if err != nil {
		return nil, err
	}
	filter, err := parseFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	size, err := pageSize(req.GetPageSize(), maxDescriptorPage)
	if err != nil {
		return nil, err
	}
	same := proto.CloneOf(req)
	same.PageSize, same.PageToken = 0, ""
	token, err := parsePageToken(req.GetPageToken(), fingerprint(same), s.clock())
	if err != nil {
		return nil, err
	}
	all := s.matchingDescriptors(project, filter)
	all = all[min(token.Offset, len(all)):]
	resp := &monitoringpb.ListMetricDescriptorsResponse{MetricDescriptors: all[:min(size, len(all))]}
	if len(all) > size {
		token.Offset += size
		resp.NextPageToken = token.String()
	}
	return resp, nil
}

func (s *Server) matchingDescriptors(project string, filter expr) []*metricpb.MetricDescriptor {
	var all []*metricpb.MetricDescriptor
	for _, m := range s.metrics {
		// A series without labels has the fields that a descriptor has.
		if filter.matches((&series{metric: m, project: project, labels: make([]string, len(m.labels))}).field) {
			all = append(all, m.descriptor(project))
		}
	}
	return all
}

// descriptor tells the period and delay in effect, which are the documented ones unless they were set.
func (m *metric) descriptor(project string) *metricpb.MetricDescriptor {
	d := &metricpb.MetricDescriptor{
		Name:        "projects/" + project + "/metricDescriptors/" + m.fullType(),
		Type:        m.fullType(),
		MetricKind:  m.kind,
		ValueType:   m.value,
		Unit:        m.unit,
		Description: m.about,
		DisplayName: m.display,
		LaunchStage: api.LaunchStage_GA,
		Metadata: &metricpb.MetricDescriptor_MetricDescriptorMetadata{
			SamplePeriod: durationpb.New(m.period),
			IngestDelay:  durationpb.New(m.delay),
		},
		MonitoredResourceTypes: []string{m.resource()},
	}
	for _, l := range m.labels {
		d.Labels = append(d.Labels, &labelpb.LabelDescriptor{Key: l.key, Description: l.about})
	}
	return d
}
