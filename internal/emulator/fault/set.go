package fault

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// maxFaults bounds the list, which every call is held against.
const maxFaults = 100

// Set is the faults that are in force. It is safe for concurrent use.
type Set struct {
	clock func() time.Time
	seed  uint64
	list  atomic.Pointer[[]active] // replaced, never modified; nil without faults
}

// active is a fault with its window and its count of draws.
type active struct {
	Fault
	from, until time.Time // until is zero without an end
	draws       *atomic.Uint64
}

// NewSet makes an empty set. Equal seeds give equal draws for equal sequences of questions.
func NewSet(seed uint64, clock func() time.Time) *Set { return &Set{seed: seed, clock: clock} }

// Replace puts these faults in force in place of all others; their times count from now.
func (s *Set) Replace(faults ...Fault) error {
	if len(faults) > maxFaults {
		return fmt.Errorf("%w: %d faults are more than %d", ErrSyntax, len(faults), maxFaults)
	}
	now := s.clock()
	list := make([]active, 0, len(faults))
	for _, f := range faults {
		if err := f.validate(); err != nil {
			return err
		}
		a := active{Fault: f, from: now.Add(f.After), draws: &atomic.Uint64{}}
		if f.For > 0 {
			a.until = a.from.Add(f.For)
		}
		list = append(list, a)
	}
	if len(list) == 0 {
		s.list.Store(nil)
		return nil
	}
	s.list.Store(&list)
	return nil
}

// List returns the faults, past and future ones included, as they were given.
func (s *Set) List() []Fault {
	list := []Fault{}
	if p := s.list.Load(); p != nil {
		for _, a := range *p {
			list = append(list, a.Fault)
		}
	}
	return list
}

// None says that nothing goes wrong now or later; then no question need be asked.
func (s *Set) None() bool { return s.list.Load() == nil }

// Hit asks whether a fault of the kind hits a call of the method on the resource, which is a full name, and makes a draw.
func (s *Set) Hit(kind Kind, method, resource string) (Fault, bool) {
	p := s.list.Load()
	if p == nil {
		return Fault{}, false
	}
	now := s.clock()
	for i, a := range *p {
		if a.Kind == kind && a.covers(now) && a.concerns(method, resource) && s.draw(i, &a) {
			return a.Fault, true
		}
	}
	return Fault{}, false
}

// InForce says whether a fault with these settings has started and not ended.
func (s *Set) InForce(f Fault) bool {
	p := s.list.Load()
	if p == nil {
		return false
	}
	now := s.clock()
	for _, a := range *p {
		if a.Fault == f && a.covers(now) {
			return true
		}
	}
	return false
}

func (a *active) covers(now time.Time) bool {
	return !now.Before(a.from) && (a.until.IsZero() || now.Before(a.until))
}

func (a *active) concerns(method, resource string) bool {
	return (a.Method == "" || a.Method == method) &&
		(a.Resource == "" || a.Resource == resource || strings.HasSuffix(resource, "/"+a.Resource))
}

func (s *Set) draw(index int, a *active) bool {
	if a.Share == 0 || a.Share == 1 {
		return true
	}
	n := a.draws.Add(1)
	return float64(mix(s.seed+uint64(index)<<48+n)>>11)/(1<<53) < a.Share //nolint:gosec // an index is never negative
}

// mix spreads a counter over all bits (the finalizer of splitmix64, with its increment).
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// Number draws a number below n, for faults that need to choose.
func (s *Set) Number(of uint64, n int) int {
	return int(mix(s.seed^of) % uint64(n)) //nolint:gosec // n is a positive count
}
