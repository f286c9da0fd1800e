package cloudmon

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"spillway/internal/backlog"
)

func names(n, letters int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("s%0*d", letters-1, i)
	}
	return list
}

func TestFiltersNameFewSubscriptionsAndReadTheProjectForMany(t *testing.T) {
	const project = `metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages"` +
		` AND resource.type = "pubsub_subscription" AND resource.labels.project_id = "shop"`
	tests := []struct {
		name  string
		ids   []string
		known int
		want  []string
	}{
		{"one", []string{"offers"}, 0, []string{project + ` AND resource.labels.subscription_id = one_of("offers")`}},
		{"two", []string{"offers", "orders"}, 10_000, []string{project + ` AND resource.labels.subscription_id = one_of("offers", "orders")`}},
		{"every letter that an ID may have", []string{"a.b_c~d+e%f-1"}, 0, []string{project + ` AND resource.labels.subscription_id = one_of("a.b_c~d+e%f-1")`}},
		{"quotes and backslashes cannot end the literal", []string{`a" OR "b`, `c\`}, 0, []string{project + ` AND resource.labels.subscription_id = one_of("a\" OR \"b", "c\\")`}},
		{"nor can a line end it", []string{"a\nb\r\x00"}, 0, []string{project + ` AND resource.labels.subscription_id = one_of("ab")`}},
		{"more names than are listed", names(maxNames+1, 5), 0, []string{project}},
		{"few names that are too long", names(10, 255), 0, []string{project}},
		{"four times as many in the project", names(maxNames+1, 5), 4 * (maxNames + 1), []string{project}},
		{"none", nil, 10_000, []string{project}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := filters(Query{Metric: backlog.NumUndeliveredMessages, Project: "shop", IDs: tt.ids}, tt.known)
			if !slices.Equal(got, tt.want) {
				t.Fatalf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAFewOfVeryManyAreReadByNameInPieces(t *testing.T) {
	for _, letters := range []int{30, 255} {
		ids := names(120, letters)
		list := filters(Query{Metric: backlog.NumUndeliveredMessages, Project: "shop", IDs: ids}, 10_000)
		all := strings.Join(list, "\n")
		for _, id := range ids {
			if strings.Count(all, quote(id)) != 1 {
				t.Fatalf("%s is not named once", id)
			}
		}
		for _, one := range list {
			if len(one) > maxFilter || strings.Count(one, `"s0`) > maxNames {
				t.Fatalf("%d characters: %s", len(one), one)
			}
		}
		if letters == 30 && len(list) != 3 {
			t.Fatalf("%d calls for 120 names of 30 letters", len(list))
		}
	}
}

func TestAProjectsSizeIsLearnt(t *testing.T) {
	var s sizes
	q := Query{Metric: backlog.NumUnackedMessagesByRegion, Project: "shop", IDs: names(100, 10)}
	s.learn(q, Answer{Returned: 600, Series: make([]backlog.Measured, 200)}) // two regions each: 200 others
	if got := s.known(q); got != 300 {
		t.Fatalf("%d subscriptions", got)
	}
	s.learn(q, Answer{Returned: 900}) // not one of those that were asked for
	if got := s.known(q); got != 1000 {
		t.Fatalf("%d subscriptions", got)
	}
	q.Project = "elsewhere"
	if got := s.known(q); got != 0 {
		t.Fatalf("%d subscriptions of a project that was never read", got)
	}
}

func TestRetriesRunOutAndAreEarnedAgain(t *testing.T) {
	var r retries
	for i := range int(maxRetries) {
		if !r.take("shop") {
			t.Fatalf("retry %d is refused", i)
		}
	}
	if r.take("shop") || !r.take("depot") {
		t.Fatal("one project's storm is not its own affair")
	}
	r.earn("shop")
	if r.take("shop") {
		t.Fatal("one success earned a retry")
	}
	r.earn("shop")
	if !r.take("shop") {
		t.Fatal("two successes earned none")
	}
}

// FuzzFilter reads every filter back with a parser of the filter language's literals: whatever the names are, they stay
// inside theirs.
func FuzzFilter(f *testing.F) {
	f.Add("shop", "offers", "orders")
	f.Add(`shop" OR metric.type = "x`, `\`, `\" AND "`)
	f.Add("a\nb", `") OR resource.labels.subscription_id = one_of("x`, "ü\x00")
	f.Fuzz(func(t *testing.T, project, one, two string) {
		q := Query{Metric: backlog.NumUndeliveredMessages, Project: project, IDs: []string{one, two}}
		skeleton := ""
		var literals []string
		for _, filter := range filters(q, 1<<30) {
			s, l := split(t, filter)
			skeleton += s + "\n"
			literals = append(literals, l...)
		}
		const head = `metric.type = "" AND resource.type = "" AND resource.labels.project_id = ""`
		const both = head + ` AND resource.labels.subscription_id = one_of("", "")` + "\n"
		const each = head + ` AND resource.labels.subscription_id = one_of("")` + "\n"
		if skeleton != both && skeleton != each+each {
			t.Fatalf("%q, %q and %q made %s", project, one, two, skeleton)
		}
		if literals[2] != printable(project) || literals[3] != printable(one) || literals[len(literals)-1] != printable(two) {
			t.Fatalf("%q, %q and %q became %q", project, one, two, literals)
		}
	})
}

// split takes the string literals out of a filter.
func split(t *testing.T, filter string) (skeleton string, literals []string) {
	t.Helper()
	var out, literal strings.Builder
	inside := false
	for i := 0; i < len(filter); i++ {
		switch c := filter[i]; {
		case inside && c == '\\':
			i++
			literal.WriteByte(filter[i])
		case c == '"':
			out.WriteByte(c)
			if inside {
				literals = append(literals, literal.String())
				literal.Reset()
			}
			inside = !inside
		case inside:
			literal.WriteByte(c)
		default:
			out.WriteByte(c)
		}
	}
	if inside {
		t.Fatalf("%s ends inside a literal", filter)
	}
	return out.String(), literals
}

// printable is what is left of a name without control characters.
func printable(s string) string {
	return string(slices.DeleteFunc([]byte(s), func(c byte) bool { return c < ' ' || c == 0x7f }))
}
