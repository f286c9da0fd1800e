package trace

import (
	"encoding/json"
	"slices"
)

// faults are the errors of a scene, by their places.
type faults struct {
	Scale   *FaultError         `json:",omitempty"`
	Write   *FaultError         `json:",omitempty"`
	Status  *FaultError         `json:",omitempty"`
	Metrics map[int]*FaultError `json:",omitempty"`
}

// plain is a Step without its methods.
type plain Step

type written struct {
	plain
	Faults faults
}

func take(err *error) *FaultError {
	if *err == nil {
		return nil
	}
	f := FaultError((*err).Error())
	*err = nil
	return &f
}

func put(f *FaultError) error {
	if f == nil {
		return nil
	}
	return *f
}

// MarshalJSON writes the errors of the scene as texts.
func (s Step) MarshalJSON() ([]byte, error) {
	w := written{plain: plain(s)}
	w.Scene.Metrics = slices.Clone(s.Scene.Metrics)
	w.Faults = faults{Scale: take(&w.Scene.Scale.Err), Write: take(&w.Scene.Write.Err), Status: take(&w.Scene.StatusErr), Metrics: map[int]*FaultError{}}
	for i := range w.Scene.Metrics {
		if f := take(&w.Scene.Metrics[i].Err); f != nil {
			w.Faults.Metrics[i] = f
		}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Step) UnmarshalJSON(data []byte) error {
	var w written
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	w.Scene.Scale.Err, w.Scene.Write.Err, w.Scene.StatusErr = put(w.Faults.Scale), put(w.Faults.Write), put(w.Faults.Status)
	for i, f := range w.Faults.Metrics {
		w.Scene.Metrics[i].Err = put(f)
	}
	*s = Step(w.plain)
	return nil
}
