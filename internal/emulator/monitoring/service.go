package monitoring

import (
	"context"
	"errors"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// service is the MetricService; what it does not have answers Unimplemented.
type service struct {
	monitoringpb.UnimplementedMetricServiceServer

	server *Server
}

var errView = errors.New("view must be FULL or HEADERS")

// ListTimeSeries lists the points of one metric type.
func (v *service) ListTimeSeries(
	ctx context.Context, req *monitoringpb.ListTimeSeriesRequest,
) (*monitoringpb.ListTimeSeriesResponse, error) {
	s := v.server
	if err := s.faults.admit(ctx, s.clock()); err != nil {
		return nil, err
	}
	resp, err := s.listTimeSeries(req)
	if err != nil {
		return nil, asStatus(err)
	}
	return resp, nil
}

// asStatus keeps an error that already has a code; every other one is about the request.
func asStatus(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	return invalidArgument(err)
}

func (s *Server) listTimeSeries(req *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
	q, err := s.parseQuery(req)
	if err != nil {
		return nil, err
	}
	size, err := pageSize(req.GetPageSize(), maxPageSize)
	if err != nil {
		return nil, err
	}
	headers := req.GetView() == monitoringpb.ListTimeSeriesRequest_HEADERS
	if !headers && req.GetView() != monitoringpb.ListTimeSeriesRequest_FULL {
		return nil, errView
	}
	token, err := parsePageToken(req.GetPageToken(), fingerprint(withoutPage(req)), s.clock())
	if err != nil {
		return nil, err
	}
	sh, rows := s.run(q, unixNano(token.Now))
	page := pageOfPoints
	if headers {
		page = pageOfHeaders
	}
	series, more := page(sh, rows, token.Offset, size)
	resp := &monitoringpb.ListTimeSeriesResponse{TimeSeries: series, Unit: sh.unit}
	if more {
		token.Offset += size
		resp.NextPageToken = token.String()
	}
	return resp, nil
}

func withoutPage(req *monitoringpb.ListTimeSeriesRequest) *monitoringpb.ListTimeSeriesRequest {
	same := proto.CloneOf(req)
	same.PageSize, same.PageToken = 0, ""
	return same
}

// pageOfHeaders gives size series from the offset on, without points.
func pageOfHeaders(sh shape, rows []row, offset, size int) (page []*monitoringpb.TimeSeries, more bool) {
	rows = rows[min(offset, len(rows)):]
	for _, r := range rows[:min(size, len(rows))] {
		page = append(page, r.proto(sh, nil))
	}
	return page, len(rows) > size
}

// pageOfPoints gives size points from the offset on; a series whose points do not all fit goes on in the next page, under the
// same header. A series without points takes the room of one.
func pageOfPoints(sh shape, rows []row, offset, size int) (page []*monitoringpb.TimeSeries, more bool) {
	for _, r := range rows {
		room := max(1, len(r.points))
		if offset >= room {
			offset -= room
			continue
		}
		if size == 0 {
			return page, true
		}
		points := r.points[min(offset, len(r.points)):]
		points = points[:min(size, len(points))]
		page = append(page, r.proto(sh, points))
		size -= max(1, len(points))
		if offset+max(1, len(points)) < room {
			return page, true
		}
		offset = 0
	}
	return page, false
}
