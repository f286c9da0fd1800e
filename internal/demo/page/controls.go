package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
)

// Action is what a control does.
type Action string

// The actions.
const (
	ActionRate   Action = "rate"   // Value: messages per second.
	ActionSpike  Action = "spike"  // Ten times the rate for a while.
	ActionBulk   Action = "bulk"   // Many messages at once.
	ActionPolicy Action = "policy" // Policy: backlog or desired.
	ActionSlow   Action = "slow"   // On: the handler takes four times as long.
	ActionKill   Action = "kill"   // Worker: its name, or empty for any.
	ActionCut    Action = "cut"    // Worker as above, On: cut or mended.
	ActionGap    Action = "gap"    // On: Cloud Monitoring shows no new samples.
	ActionRegion Action = "region" // On: one region is missing from Cloud Monitoring.
)

func actions() []Action {
	return []Action{ActionRate, ActionSpike, ActionBulk, ActionPolicy, ActionSlow, ActionKill, ActionCut, ActionGap, ActionRegion}
}

// MaxRate is the greatest rate that may be asked for, in messages per second.
const MaxRate = 5000

// Order is one use of a control.
type Order struct {
	Do     Action  `json:"do"`
	Value  float64 `json:"value"`
	Policy string  `json:"policy"`
	Worker string  `json:"worker"`
	On     bool    `json:"on"`
}

func (o Order) validate() error {
	switch {
	case !slices.Contains(actions(), o.Do):
		return fmt.Errorf("do: %q is no action, use one of %v", o.Do, actions())
	case o.Do == ActionRate && (math.IsNaN(o.Value) || o.Value < 0 || o.Value > MaxRate):
		return fmt.Errorf("value: %g is out of range, give 0 to %d messages per second", o.Value, MaxRate)
	case o.Do == ActionPolicy && o.Policy != "backlog" && o.Policy != "desired":
		return fmt.Errorf("policy: %q is no policy, use backlog or desired", o.Policy)
	}
	return nil
}

// Director does what the controls ask for. An error says in one line why it could not be done.
type Director interface {
	Direct(ctx context.Context, o Order) error
}

// maxOrder bounds a request's body.
const maxOrder = 4 << 10

// control does one order: 204, 400 for one that cannot be read, 409 for one that cannot be done.
func (s *server) control(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, errors.New("send application/json"))
		return
	}
	o, err := readOrder(http.MaxBytesReader(w, r.Body, maxOrder))
	if err != nil {
		status := http.StatusBadRequest
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status, err)
		return
	}
	if err := s.director.Direct(r.Context(), o); err != nil {
		refuse(w, http.StatusConflict, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func readOrder(body io.Reader) (o Order, err error) {
	// What is missing is not zero: it would stop the load, or mend what was to be broken.
	given := struct {
		*Order
		Value *float64 `json:"value"`
		On    *bool    `json:"on"`
	}{Order: &o}
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&given); err != nil {
		return Order{}, fmt.Errorf("reading the order: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Order{}, errors.New("reading the order: more follows after it")
	}
	switch o.Do {
	case ActionRate:
		if given.Value == nil {
			return Order{}, fmt.Errorf("value: is required, give 0 to %d messages per second", MaxRate)
		}
		o.Value = *given.Value
	case ActionSlow, ActionCut, ActionGap, ActionRegion:
		if given.On == nil {
			return Order{}, errors.New("on: is required, give true or false")
		}
		o.On = *given.On
	case ActionSpike, ActionBulk, ActionPolicy, ActionKill:
	}
	return o, o.validate()
}

func refuse(w http.ResponseWriter, status int, why error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why.Error()})
}
