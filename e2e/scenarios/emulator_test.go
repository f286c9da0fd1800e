package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// requestLimit bounds a request to something on this machine, which may be busy.
const requestLimit = 10 * time.Second

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 20

// get returns the body of a 200.
func get(ctx context.Context, url string) ([]byte, error) {
	return do(ctx, http.MethodGet, url, http.NoBody)
}

func do(ctx context.Context, method, url string, body io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.Close = true // No idle connections are left to end with the test.
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, url, res.Status, content)
	}
	return content, err
}

// emulatorState asks the emulator for the truth, and lets things go wrong there.
type emulatorState struct{ url string }

// backlog is how many messages of a subscription nobody has acknowledged.
func (e *emulatorState) backlog(ctx context.Context, subscription string) (int64, error) {
	content, err := get(ctx, e.url+"/admin/state")
	if err != nil {
		return 0, err
	}
	var state struct {
		Subscriptions []struct {
			Name    string `json:"name"`
			Backlog int64  `json:"backlog"`
		} `json:"subscriptions"`
	}
	if err := json.Unmarshal(content, &state); err != nil {
		return 0, err
	}
	for _, s := range state.Subscriptions {
		if strings.HasSuffix(s.Name, "/"+subscription) {
			return s.Backlog, nil
		}
	}
	return 0, errors.New("the emulator has no subscription " + subscription)
}

// faults puts faults in force in place of all others.
func (e *emulatorState) faults(ctx context.Context, pubsub, monitoring []string) error {
	content, err := json.Marshal(map[string][]string{"pubsub": append([]string{}, pubsub...), "monitoring": append([]string{}, monitoring...)})
	if err != nil {
		return err
	}
	_, err = do(ctx, http.MethodPost, e.url+"/admin/faults", strings.NewReader(string(content)))
	return err
}
