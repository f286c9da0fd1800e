package export

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"spillway/internal/backlog"
	"spillway/internal/config"
)

// explain answers /explain?subscription=NAME[&autoscaler=NAMESPACE/NAME][&format=json]: every input of an estimate, the arithmetic and the
// result, for people or for programs. Names are full or short.
func explain(current *Current) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		b := current.load()
		found, code, why := b.explained(r.FormValue("subscription"), r.FormValue("autoscaler"))
		if asksForJSON(r) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			writeDocuments(w, found, why)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(code)
		for i, e := range found {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprint(w, e.explained)
		}
		if why != "" {
			fmt.Fprintln(w, why) //nolint:gosec // it is text, and nobody is to look for anything else in it
		}
	})
}

func asksForJSON(r *http.Request) bool {
	if format := r.FormValue("format"); format != "" {
		return format == "json"
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, err := mime.ParseMediaType(part)
		if err == nil && kind != "*/*" {
			return kind == "application/json"
		}
	}
	return false
}

func writeDocuments(w http.ResponseWriter, found []*estimated, why string) {
	answer := struct {
		Explanations []any  `json:"explanations"`
		Error        string `json:"error,omitempty"`
	}{Explanations: []any{}, Error: why}
	for _, e := range found {
		answer.Explanations = append(answer.Explanations, e.explained.Document())
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(answer) // a connection that breaks meanwhile is the reader's affair
}

// explained finds what a request names, or says in plain words why it cannot.
func (b *board) explained(name, autoscaler string) (found []*estimated, code int, why string) {
	if name == "" {
		return nil, http.StatusBadRequest, "Which one? Give ?subscription=NAME. " + b.known()
	}
	for _, e := range b.estimates {
		if (e.sub.String() == name || e.sub.ID == name) && (autoscaler == "" || autoscaler == e.namespace+"/"+e.autoscaler) {
			found = append(found, e)
		}
	}
	if len(found) > 0 {
		return found, http.StatusOK, ""
	}
	return nil, http.StatusNotFound, b.unexplained(name, autoscaler)
}

// unexplained says why there is nothing to explain, and what there is.
func (b *board) unexplained(name, autoscaler string) string {
	for _, s := range b.sections {
		for _, id := range s.ids {
			sub := backlog.Subscription{Project: s.project, ID: id}
			if (sub.String() == name || id == name) && len(b.estimatesOf(sub)) == 0 {
				return "No estimate: " + b.notEstimated(sub, backlog.BacklogMessages).Why + ". " + b.known()
			}
		}
	}
	whose := fmt.Sprintf("Nobody estimates %q", name)
	if autoscaler != "" {
		whose += fmt.Sprintf(" for autoscaler %q", autoscaler)
	}
	if near, ok := config.Nearest(name, b.estimatedNames()); ok && near != name {
		whose += fmt.Sprintf("; did you mean %q?", near)
	} else {
		whose += "."
	}
	return whose + " " + b.known()
}

func (b *board) estimatedNames() []string {
	var names []string
	for _, e := range b.estimates {
		names = append(names, e.sub.ID, e.sub.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxKnown bounds the subscriptions that an answer names.
const maxKnown = 100

// known names what can be explained.
func (b *board) known() string {
	var names []string
	more := 0
	for _, e := range b.estimates {
		name := e.sub.String()
		if len(names) > 0 && names[len(names)-1] == name {
			continue
		}
		if len(names) == maxKnown {
			more++
			continue
		}
		names = append(names, name)
	}
	switch {
	case len(names) == 0:
		return "None is estimated yet."
	case more > 0:
		return fmt.Sprintf("Known are %s, and %d more.", strings.Join(names, ", "), more)
	default:
		return "Known are " + strings.Join(names, ", ") + "."
	}
}
