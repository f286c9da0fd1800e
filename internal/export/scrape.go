package export

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"
)

// scrape serves the board, and after it what the registry holds about the exporter itself, as text or OpenMetrics.
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
		out, end := compressed(w, r)
		e := &exposition{out: out, openMetrics: format.FormatType() == expfmt.TypeOpenMetrics}
		current.load().render(e, now())
		if e.err != nil {
			return // the reader is gone
		}
		encoder := expfmt.NewEncoder(out, format)
		for _, family := range families {
			if encoder.Encode(family) != nil {
				return
			}
		}
		if last, ok := encoder.(expfmt.Closer); ok {
			_ = last.Close()
		}
		end()
	})
}

// compressed returns where to write to, and what to do at the end. The text repeats itself so much that compressing it to a
// fiftieth costs less than twice of what writing it does.
func compressed(w http.ResponseWriter, r *http.Request) (out io.Writer, end func()) {
	w.Header().Set("Vary", "Accept-Encoding")
	if !asksForGzip(r) {
		return w, func() {}
	}
	packer, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return w, func() {} // there is such a level
	}
	w.Header().Set("Content-Encoding", "gzip")
	return packer, func() { _ = packer.Close() }
}

// asksForGzip reports whether the reader takes gzip, and has not given it the quality 0.
func asksForGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if name == "gzip" {
			return quality == "" || strings.Trim(quality, "q=0.") != ""
		}
	}
	return false
}
