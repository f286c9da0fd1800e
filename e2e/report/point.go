package report

import "time"

// Point is what was seen of one autoscaler and its flow at one moment.
type Point struct {
	// At is the time since the scenario began.
	At time.Duration `json:"at"`
	// Desired and Current are the autoscaler's, Ready the Deployment's.
	Desired int32 `json:"desired"`
	Current int32 `json:"current"`
	Ready   int32 `json:"ready"`
	// Metric is what the autoscaler is answered; nil while it is answered nothing.
	Metric *float64 `json:"metric"`
	// Backlog is the truth, messages that nobody has acknowledged; nil while the emulator was not heard.
	Backlog *int64 `json:"backlog"`
	// Arrived and Handled count messages, or requests, since the beginning.
	Arrived int64 `json:"arrived"`
	Handled int64 `json:"handled"`
}

// Track is one autoscaler over time.
type Track struct {
	// Name is the autoscaler's, Metric says what it scales on and Target the value per pod.
	Name   string  `json:"name"`
	Metric string  `json:"metric"`
	Target float64 `json:"target"`
	Points []Point `json:"points"`
}

// Highest is the largest number of ready pods, 0 without points.
func (t *Track) Highest() int32 {
	var most int32
	for i := range t.Points {
		most = max(most, t.Points[i].Ready)
	}
	return most
}

// Section is one scenario.
type Section struct {
	// Order is its place on the page, Name that of its file, Title its heading and Text what it shows.
	Order int    `json:"order"`
	Name  string `json:"name"`
	Title string `json:"title"`
	Text  string `json:"text"`
	// Factor is how many times faster than real the times were.
	Factor int       `json:"factor"`
	Begun  time.Time `json:"begun"`
	// Tracks may be empty: a scenario of findings has Lines alone.
	Tracks []*Track `json:"tracks"`
	// Lines are what it printed besides the table, Result its last line.
	Lines  []string `json:"lines,omitempty"`
	Result string   `json:"result"`
	Passed bool     `json:"passed"`
}
