package contentapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"spillway/examples/mess/contentapi"
	"spillway/examples/mess/product"
)

func truth(id string, kind product.Kind, version int64) string {
	return fmt.Sprintf(`{"is":"%s %s %d"}`, id, kind, version)
}

// text is the JSON of a product whose parts have the versions, 0 for a part that is missing.
func text(revision int, offer, content, image int64) string {
	var parts []string
	for i, v := range []int64{offer, content, image} {
		if kind := product.Kinds()[i]; v > 0 {
			parts = append(parts, fmt.Sprintf(`"%s":{"version":%d,"data":%s}`, kind, v, truth("p", kind, v)))
		}
	}
	return fmt.Sprintf(`{"products":[{"id":"p","revision":%d,"parts":{%s}}]}`, revision, strings.Join(parts, ","))
}

func post(t *testing.T, api http.Handler, body string) int {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/products", strings.NewReader(body)))
	return w.Code
}

func TestWhatComesIsChecked(t *testing.T) {
	for name, tt := range map[string]struct {
		bodies []string
		faults []string
	}{
		"newer and newer":      {[]string{text(1, 1, 1, 1), text(2, 2, 1, 1), text(5, 2, 1, 3)}, nil},
		"again, and overtaken": {[]string{text(2, 2, 1, 1), text(2, 2, 1, 1), text(1, 1, 1, 1)}, nil},
		"incomplete":           {[]string{text(1, 1, 0, 1)}, []string{"p is sent without its content"}},
		"going back":           {[]string{text(1, 2, 1, 1), text(2, 1, 2, 1)}, []string{"offer of p goes back from version 2 to 1"}},
		"with somebody's data": {[]string{strings.Replace(text(1, 1, 1, 1), "p image 1", "p image 2", 1)}, []string{`image of p at version 1 is {"is":"p image 2"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			api := contentapi.New(truth, 0, 1)
			for _, body := range tt.bodies {
				if status := post(t, api, body); status != http.StatusOK {
					t.Errorf("got %d", status)
				}
			}
			counts, faults := api.Counts()
			if strings.Join(faults, "|") != strings.Join(tt.faults, "|") || counts.Faults != len(tt.faults) {
				t.Errorf("got %q, want %q", faults, tt.faults)
			}
		})
	}
	if status := post(t, contentapi.New(truth, 0, 1), "{"); status != http.StatusBadRequest {
		t.Errorf("got %d", status)
	}
}

func TestNewest(t *testing.T) {
	api := contentapi.New(truth, 0, 1)
	post(t, api, text(1, 2, 1, 1))
	for want, versions := range map[int]int64{1: 2, 0: 3} {
		all, newest := api.Newest(func(_ string, kind product.Kind) int64 {
			if kind == product.Offer {
				return versions
			}
			return 1
		})
		if all != 1 || newest != want {
			t.Errorf("offer %d: %d of %d", versions, newest, all)
		}
	}
}

func TestItFailsAsSuchAPIsDo(t *testing.T) {
	api := contentapi.New(truth, 0.5, 1)
	server := httptest.NewServer(api)
	defer server.Close()
	seen := map[string]int{}
	for range 200 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(text(1, 1, 1, 1)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			seen["cut"]++
			continue
		}
		_ = resp.Body.Close()
		seen[resp.Status+resp.Header.Get("Retry-After")]++
	}
	for _, kind := range []string{"200 OK", "503 Service Unavailable", "429 Too Many Requests1", "cut"} {
		if seen[kind] < 10 {
			t.Errorf("%s came %d times", kind, seen[kind])
		}
	}
	if counts, _ := api.Counts(); counts.Requests != 200 || counts.Failed != 200-seen["200 OK"] || counts.Taken != 1 {
		t.Errorf("got %+v", counts)
	}
}
