package export

import (
	"time"

	"spillway/internal/nowcast"
)

// lawOf returns the law of the flags, or of a team that has settings of its own.
func (e *estimator) lawOf(s *staff, own *team) nowcast.Law {
	o, window := e.law, s.window
	if own != nil {
		o, _ = e.law.with(own.annotations) // what is wrong with them has been told
		window = own.window
	}
	law := nowcast.DefaultLaw()
	law.Drain, law.Headroom, law.IgnoreCPU = o.Drain, o.Headroom, o.IgnoreCPU
	law.Capacity, law.MaxRate = e.clock.perSecond(o.Capacity), e.clock.perSecond(o.MaxRate)
	law.Min, law.Max = o.Min, o.Max
	if law.Max == 0 && law.Min > 0 {
		law.Max = most
	}
	if window > 0 {
		law.Window = min(window, time.Hour)
	}
	law.Scrape = max(law.Scrape, e.clock.stretch(e.patience))
	law.Stale = max(law.Stale, e.clock.stretch(e.fresh)+time.Minute)
	return law
}

// most is no bound of replicas.
const most = 1 << 31 >> 1
