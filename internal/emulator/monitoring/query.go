package monitoring

import (
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// query is a checked ListTimeSeries request.
type query struct {
	project      string
	filter       expr
	metric       *metric
	after, until int64 // points that end in (after, until], Unix nanoseconds
	aggregation  aggregation
}

func (s *Server) parseQuery(req *monitoringpb.ListTimeSeriesRequest) (query, error) {
	q := query{}
	var err error
	if q.project, err = projectOf(req.GetName()); err != nil {
		return q, err
	}
	if q.filter, err = parseFilter(req.GetFilter()); err != nil {
		return q, err
	}
	if q.metric, err = s.selectMetric(q.filter); err != nil {
		return q, err
	}
	if q.after, q.until, err = readInterval(req.GetInterval()); err != nil {
		return q, err
	}
	if q.aggregation, err = parseAggregation(req.GetAggregation(), q.metric); err != nil {
		return q, err
	}
	if req.GetSecondaryAggregation() != nil {
		return q, errors.New("secondary_aggregation is not supported")
	}
	if req.GetOrderBy() != "" {
		return q, errors.New("order_by must be left empty")
	}
	return q, nil
}

// readInterval turns a request's interval into (after, until]; without a start it is the instant of its end.
func readInterval(i *monitoringpb.TimeInterval) (after, until int64, err error) {
	if i.GetEndTime() == nil {
		return 0, 0, errors.New("interval.end_time is required")
	}
	end, err := instant("interval.end_time", i.GetEndTime())
	if err != nil || i.GetStartTime() == nil {
		return end - 1, end, err
	}
	start, err := instant("interval.start_time", i.GetStartTime())
	if err != nil {
		return 0, 0, err
	}
	if start > end {
		return 0, 0, errors.New("interval.start_time is later than interval.end_time")
	}
	return min(start, end-1), end, nil
}

// instant gives Unix nanoseconds; times before 1970 and after 2200 count as the nearest of the two, to stay within their range.
func instant(field string, ts *timestamppb.Timestamp) (int64, error) {
	if err := ts.CheckValid(); err != nil {
		return 0, fmt.Errorf("%s: %w", field, err)
	}
	const latest = 7_258_118_400 // 2200-01-01T00:00:00Z in seconds.
	if ts.GetSeconds() < 0 {
		return 0, nil
	}
	return time.Unix(min(ts.GetSeconds(), latest), int64(ts.GetNanos())).UnixNano(), nil
}

// run answers the query as of now.
func (s *Server) run(q query, now time.Time) (shape, []row) {
	rows, members := s.raw(q, now)
	sh := shape{metric: q.metric, kind: q.metric.kind, value: q.metric.value, unit: q.metric.unit}
	return q.aggregation.apply(sh, rows, members, q.until)
}

// raw selects the rows, and the series they came from.
func (s *Server) raw(q query, now time.Time) (rows []row, members []*series) {
	faults := s.faults.at(now)
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, one := range s.store.seriesOfMetric(q.metric, q.project) {
		if !q.filter.matches(one.field) {
			continue
		}
		points := faults.points(one, q.aggregation.from(q.after, q.until), q.until)
		if len(points) == 0 {
			continue
		}
		if faults.empties(one) {
			points = nil
		}
		rows, members = append(rows, rowOf(one, points)), append(members, one)
	}
	return rows, members
}
