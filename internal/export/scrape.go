package export

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"
)

// scrape serves the board, and after it what the registry holds about the exporter itself, as text or OpenMetrics. It is
// never compressed: that would take longer than everything else.
func scrape(current *Current, reg prometheus.Gatherer, now func() time.Time, log *zap.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
		if t := format.FormatType(); t != expfmt.TypeOpenMetrics && t != expfmt.TypeTextPlain {
			format = expfmt.NewFormat(expfmt.TypeTextPlain)
		}
		families, err := reg.Gather()
		if err != nil {
			log.Error("gathering metrics failed", zap.Error(err)) // what was gathered is served
		}
		w.Header().Set("Content-Type", string(format))
		e := &exposition{out: w, openMetrics: format.FormatType() == expfmt.TypeOpenMetrics}
		current.load().render(e, now())
		if e.err != nil {
			return // the reader is gone
		}
		encoder := expfmt.NewEncoder(w, format)
		for _, family := range families {
			if encoder.Encode(family) != nil {
				return
			}
		}
		if end, ok := encoder.(expfmt.Closer); ok {
			_ = end.Close()
		}
	})
}
