// Package process runs long-lived programs: it starts them, keeps what they write, waits until they are ready, kills them
// and starts them again.
package process

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Spec says how a process is run.
type Spec struct {
	Name string   // names its log
	Path string   // the program
	Args []string // its arguments
	Env  []string // its environment; nothing is inherited but PATH
	// Ready is asked until it returns nil. nil means: ready when it runs.
	Ready func(context.Context) error
	// ReadyWithin bounds the start. 0 means 2 minutes.
	ReadyWithin time.Duration
}

// answersWithin bounds one question of Answers: a program that is being started may take a connection and forget it.
const answersWithin = 5 * time.Second

// Answers returns a Ready that asks for a page, which must have the status 200. The client is http.DefaultClient if it is
// nil.
func Answers(client *http.Client, url string) func(context.Context) error {
	if client == nil {
		client = http.DefaultClient
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, answersWithin)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("asking %s: %w", url, err)
		}
		request.Close = true // A program that is being started is asked seldom.
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("asking %s: %s", url, response.Status)
		}
		return nil
	}
}
