package monitoring

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/lifecycle"
)

// maxFaults bounds the list, which every point that is read is held against.
const maxFaults = 100

// ErrTooManyFaults says that there would be more than 100 faults at a time.
var ErrTooManyFaults = errors.New("too many faults")

// faultSet is the list of faults that are set, safe for concurrent use.
type faultSet struct {
	seed    uint64
	regions []string // that there are

	mu       sync.Mutex
	set      []activeFault
	requests uint64 // that were held against a share
}

// activeFault is a fault with its window in Unix nanoseconds: (from, until].
type activeFault struct {
	Fault
	from, until int64
}

func (f activeFault) covers(instant int64) bool { return f.from < instant && instant <= f.until }

// SetFaults replaces all faults; their times count from now. Without arguments it removes them.
func (s *Server) SetFaults(faults ...Fault) error { return s.changeFaults(faults, false) }

// AddFaults adds faults to those that are set; their times count from now.
func (s *Server) AddFaults(faults ...Fault) error { return s.changeFaults(faults, true) }

func (s *Server) changeFaults(faults []Fault, keep bool) error {
	if err := s.faults.replace(s.clock(), faults, keep); err != nil {
		return err
	}
	s.log.Info("faults are set", zap.Stringers("faults", s.Faults()))
	return nil
}

// Faults lists the faults that are set, past and future ones included, as they were given.
func (s *Server) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	list := make([]Fault, len(s.faults.set))
	for i, f := range s.faults.set {
		list[i] = f.Fault
	}
	return list
}

func (fs *faultSet) replace(now time.Time, faults []Fault, keep bool) error {
	var errs []error
	for _, f := range faults {
		errs = append(errs, f.Validate())
		if f.Region != "" && !slices.Contains(fs.regions, f.Region) {
			errs = append(errs, fmt.Errorf("fault %s: the regions are %v", f, fs.regions))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var set []activeFault
	if keep {
		set = slices.Clone(fs.set)
	}
	for _, f := range faults {
		set = append(set, activate(f, now))
	}
	if len(set) > maxFaults {
		return fmt.Errorf("%w: %d of at most %d", ErrTooManyFaults, len(set), maxFaults)
	}
	fs.set = set
	return nil
}

func activate(f Fault, now time.Time) activeFault {
	from := now.Add(f.After)
	a := activeFault{Fault: f, from: from.UnixNano(), until: math.MaxInt64}
	if f.For > 0 {
		a.until = from.Add(f.For).UnixNano()
	}
	return a
}

// admit lets a request through, late or never.
func (fs *faultSet) admit(ctx context.Context, now time.Time) error {
	delay, err := fs.verdict(now)
	if delay > 0 && !lifecycle.Sleep(ctx, delay) {
		return status.FromContextError(ctx.Err()).Err()
	}
	return err
}

// verdict adds up the delays that hit one request and finds the first error that does.
func (fs *faultSet) verdict(now time.Time) (delay time.Duration, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.set {
		if !f.hitsRequests() || !f.covers(now.UnixNano()) {
			continue
		}
		if f.Share != 0 {
			fs.requests++
			if draw(fs.seed, f.Kind, fs.requests) >= f.Share {
				continue
			}
		}
		delay += f.Delay
		if err == nil {
			err = requestError(f.Kind)
		}
	}
	return delay, err
}

// requestError is the service's answer in code and ErrorInfo; slow requests have none.
func requestError(kind FaultKind) error {
	info := &errdetails.ErrorInfo{Domain: "googleapis.com", Metadata: map[string]string{"service": "monitoring.googleapis.com"}}
	if kind == FaultQuota {
		info.Reason = "RATE_LIMIT_EXCEEDED"
		info.Metadata["quota_limit"] = "QueryRequestsPerMinutePerProject"
		return detailed(codes.ResourceExhausted, "the quota of time series queries per minute is used up (injected fault)", info)
	}
	if kind == FaultUnauthenticated {
		info.Reason = "ACCESS_TOKEN_EXPIRED"
		return detailed(codes.Unauthenticated, "the request's credentials have expired (injected fault)", info)
	}
	if kind == FaultDenied {
		info.Reason = "IAM_PERMISSION_DENIED"
		return detailed(codes.PermissionDenied, "permission monitoring.timeSeries.list denied (injected fault)", info)
	}
	if kind == FaultUnavailable {
		return status.Error(codes.Unavailable, "the service is not available at the moment (injected fault)")
	}
	return nil
}

func detailed(code codes.Code, message string, info *errdetails.ErrorInfo) error {
	st := status.New(code, message)
	if with, err := st.WithDetails(info); err == nil {
		st = with
	}
	return st.Err()
}

// draw gives a number in [0, 1) that depends on its arguments alone.
func draw(seed uint64, about ...any) float64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %v", seed, about)
	return float64(mix(h.Sum64())>>11) / (1 << 53)
}

// mix spreads the differences of similar inputs over all bits, which FNV alone does not do (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}
